//! Stubs that need one feature each, and the request that each matches: what templates, schemas,
//! XPath and multipart bodies cost beside `equalToJson`, with bodies of about one size.

use std::io;
use std::path::Path;

use serde_json::{Value, json};

use super::client;
use super::server_hyper::BODY;
use super::stubs::{ORDERS, order, write};

/// A feature of a stub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// `equalToJson`, which the others are compared with.
    EqualToJson,
    /// `matchesJsonSchema`.
    JsonSchema,
    /// `multipartPatterns`.
    Multipart,
    /// A body that is a template of two values.
    Template,
    /// `matchesXPath` with a further matcher.
    XPath,
}

impl Feature {
    /// Writes a folder with the one stub.
    pub fn stub(self, folder: &Path) -> io::Result<()> {
        let mut response = json!({"headers": {"Content-Type": "application/json"}, "body": BODY});
        let mut request = json!({"method": "POST", "urlPath": ORDERS});
        match self {
            Self::Template => {
                response["body"] = template().into();
                response["transformers"] = json!(["response-template"]);
                request["method"] = "GET".into();
            }
            Self::Multipart => {
                let part = json!({"headers": {"Content-Disposition": {"contains": "name=\"order\""}},
                    "bodyPatterns": [{"contains": "bolt-8"}]});
                request["multipartPatterns"] = json!([part]);
            }
            Self::EqualToJson => request["bodyPatterns"] = json!([{"equalToJson": order(0)}]),
            Self::JsonSchema => request["bodyPatterns"] = json!([{"matchesJsonSchema": schema()}]),
            Self::XPath => {
                let path = json!({"expression": "/order/items/item[2]/@sku", "equalTo": "nut-8"});
                request["bodyPatterns"] = json!([{"matchesXPath": path}]);
            }
        }
        write(
            folder,
            &[json!({"id": "00000000-0000-4000-8000-000000000000", "request": request, "response": response})],
        )
    }

    /// The bytes of the request that the stub matches.
    pub fn request(self) -> Vec<u8> {
        self.body().map_or_else(
            || client::get(&format!("{ORDERS}{QUERY}")),
            |(content_type, body)| client::post_as(ORDERS, content_type, &body),
        )
    }

    /// The same in Lua, as a request of wrk.
    pub fn lua(self) -> String {
        self.body().map_or_else(
            || format!("wrk.format('GET', '{ORDERS}{QUERY}')"),
            |(content_type, body)| {
                format!("wrk.format('POST', '{ORDERS}', {{['Content-Type'] = '{content_type}'}}, {})", json!(body))
            },
        )
    }

    /// A request that differs a little from the one that matches.
    pub fn miss(self) -> Vec<u8> {
        match self.body() {
            None => client::get("/order"),
            Some((content_type, _)) => client::post_as(ORDERS, content_type, "none"),
        }
    }

    fn body(self) -> Option<(&'static str, String)> {
        match self {
            Self::Template => None,
            Self::EqualToJson | Self::JsonSchema => Some(("application/json", order(0))),
            Self::Multipart => Some((
                "multipart/form-data; boundary=part",
                "--part\r\nContent-Disposition: form-data; name=\"order\"\r\nContent-Type: text/plain\r\n\r\nbolt-8\r\n\
                 --part\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nring, please\r\n--part--\r\n"
                    .to_owned(),
            )),
            Self::XPath => Some((
                "application/xml",
                "<order id=\"ord-1\"><customer tier=\"gold\">Ada E</customer><items>\
                 <item sku=\"bolt-8\" quantity=\"2\">19.9</item><item sku=\"nut-8\" quantity=\"12\">0.25</item>\
                 </items><currency>EUR</currency><note>ring</note></order>"
                    .to_owned(),
            )),
        }
    }
}

/// The body of all replies with two of its values taken from the query.
fn template() -> String {
    let with_text = BODY.replace("\"north\"", "\"{{request.query.warehouse}}\"");
    with_text.replace("\"quantity\":4", "\"quantity\":{{request.query.quantity}}")
}

fn schema() -> Value {
    let item = json!({"type": "object", "required": ["sku", "quantity"], "properties": {
        "sku": {"type": "string", "minLength": 3},
        "quantity": {"type": "integer", "minimum": 1},
        "price": {"type": "number", "exclusiveMinimum": 0}
    }});
    json!({"type": "object", "required": ["orderId", "items"], "properties": {
        "orderId": {"type": "string", "pattern": "^ord-[0-9]+$"},
        "customer": {"type": "object", "required": ["id"]},
        "items": {"type": "array", "minItems": 1, "items": item},
        "currency": {"enum": ["EUR", "USD"]},
        "express": {"type": "boolean"}
    }})
}

const QUERY: &str = "?warehouse=north&quantity=4";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_has_two_values() {
        assert_eq!(template().matches("{{").count(), 2);
        assert!(template().contains("{{request.query.warehouse}}"));
    }
}
