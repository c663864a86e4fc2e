//! Descriptions with defects: each is reported with its place and help, and the rest becomes stubs.

use standin_sources::document::SourceDocument;
use standin_sources::openapi::OpenApiOptions;
use standin_stub::defect::Defect;

use crate::{loaded, stubs};

fn operation(parts: &str) -> String {
    format!("openapi: 3.1.0\ninfo: {{title: t, version: '1'}}\npaths:\n  /a:\n    get:\n{parts}")
}

#[test]
fn defects_have_places_and_help_and_the_rest_is_served() {
    let schema = |schema: &str| {
        let response = format!("{{description: ok, content: {{application/json: {{schema: {schema}}}}}}}");
        operation(&format!("      responses: {{'200': {response}}}\n"))
    };
    for (text, message, help, stubs_made) in [
        (schema("{$ref: 'other.yaml#/X'}"), "`other.yaml#/X` leads out of this file", "bundle", 1),
        (schema("{$ref: '#/components/schemas/X'}"), "names nothing in this description", "correct the name", 1),
        (schema("{type: [text]}"), "is not a type", "array, boolean", 1),
        (schema("{type: string, pattern: '('}"), "cannot be evaluated", "correct it", 1),
        (schema("{type: string, minLength: 3, maxLength: 1}"), "has no finite value", "`example`", 1),
        (schema("[1]"), "a schema is an object, not a list", "write `{…}`", 1),
        (
            operation(
                "      responses: {'200': {description: x, content: {application/json: {schema: {type: object}, example: 7}}}}\n",
            ),
            "this example is not valid",
            "correct one of them",
            1,
        ),
        (operation("      responses: {'2000': {description: x}}\n"), "`2000` is no status", "`4XX`", 0),
        (operation("      summary: none\n"), "has no response", "`responses`", 0),
        (
            operation("      parameters: [{name: id, in: path}]\n      responses: {'200': {description: x}}\n"),
            "no variable `id`",
            "{id}",
            1,
        ),
        (
            operation("      parameters: [{name: id, in: body}]\n      responses: {'200': {description: x}}\n"),
            "`body` is no place",
            "`query`",
            1,
        ),
        (
            "openapi: 3.0.0\npaths:\n  a: {get: {responses: {'200': {description: x}}}}\n".to_owned(),
            "does not begin with `/`",
            "add",
            0,
        ),
        (
            "openapi: 3.0.0\npaths:\n  /a#b: {get: {responses: {'200': {description: x}}}}\n".to_owned(),
            "no request has the path",
            "remove the `#`",
            0,
        ),
        (
            "openapi: 3.0.0\npaths:\n  /{x}: {get: {responses: {'200': {description: x}}}}\n".to_owned(),
            "`x` in `/{x}` is no parameter",
            "`in: path`",
            1,
        ),
        (
            "openapi: 3.0.0\npaths:\n  /a/{x.y}: {get: {parameters: &p [{name: x.y, in: path}], responses: &r {'200': {description: x}}}}\n  \
             /a/{x:y}: {get: {parameters: [{name: 'x:y', in: path}], responses: *r}}\n"
                .to_owned(),
            "another path has the same form",
            "rename",
            1,
        ),
        ("openapi: 3.0.0\npaths:\n  /a: {$ref: '#/paths/~1a'}\n".to_owned(), "leads back to itself", "target", 0),
    ] {
        let made = stubs("a.yaml", &text, &OpenApiOptions::default());
        let found: Vec<String> = made.defects.iter().map(ToString::to_string).collect();
        let is_told =
            |defect: &String| defect.contains(message) && defect.contains(help) && defect.starts_with("a.yaml:");
        assert!(found.iter().any(is_told), "{text}\n{found:#?}");
        assert_eq!(loaded("a.yaml", &made).len(), stubs_made, "{text}\n{found:#?}");
    }
}

#[test]
fn files_of_other_kinds_are_refused() {
    for (text, message) in [
        ("swagger: '2.0'\n", "Swagger 2.0"),
        ("{\"a\": 1}", "neither an OpenAPI description"),
        ("{\"openapi\": ", "not closed"),
        ("", ""),
    ] {
        let defects = SourceDocument::parse("a", text).err().expect("it is refused");
        assert!(defects.iter().all(Defect::is_error), "{defects:?}");
        assert!(defects[0].to_string().contains(message), "{text}: {}", defects[0]);
    }
}
