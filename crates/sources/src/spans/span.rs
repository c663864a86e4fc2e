//! A server span, as all formats of traces have it.

use crate::timing::TimedCall;

/// A span of a service that was called over HTTP.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ServerSpan {
    pub(super) service: String,
    /// Name of the span.
    pub(super) name: String,
    /// Begin in nanoseconds since 1970.
    pub(super) start: u64,
    pub(super) end: u64,
    /// Attributes as texts.
    pub(super) attributes: Vec<(String, String)>,
    /// Share of the calls that was sampled, if the span says it.
    pub(super) sampled: Option<f64>,
}

impl ServerSpan {
    /// Returns the call, and true if its URL is a path template.
    pub(super) fn call(self) -> Result<(TimedCall, bool), &'static str> {
        let (name_method, name_path) = self.name.split_once(' ').unwrap_or((self.name.as_str(), ""));
        let is_method = |text: &str| text.len() > 2 && text.bytes().all(|byte| byte.is_ascii_uppercase());
        let method = self.attribute(&["http.request.method", "http.method"]).or(Some(name_method));
        let method = method.map(str::to_ascii_uppercase).filter(|method| is_method(method));
        let method = method.ok_or("spans without an HTTP method")?;
        let status = self.attribute(&["http.response.status_code", "http.status_code"]);
        let status = status.and_then(|status| status.parse().ok()).filter(|status| (100..600).contains(status));
        let status = status.ok_or("spans without an HTTP status")?;
        if self.end < self.start {
            return Err("spans that end before they begin");
        }
        let route = self.attribute(&["http.route"]).or(Some(name_path)).filter(|path| path.starts_with('/'));
        let path = self.path();
        let is_template = path.is_none();
        let url = path.or_else(|| route.map(str::to_owned)).ok_or("spans without a path")?;
        Ok((
            TimedCall {
                method,
                url,
                status: Some(status),
                sent: self.start,
                first_byte: Some(self.end),
                last_byte: Some(self.end),
                ..TimedCall::default()
            },
            is_template,
        ))
    }

    fn path(&self) -> Option<String> {
        if let Some(path) = self.attribute(&["url.path"]) {
            let query = self.attribute(&["url.query"]).filter(|query| !query.is_empty());
            return Some(query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}")));
        }
        let target = self.attribute(&["http.target", "http.path"]).filter(|path| path.starts_with('/'));
        let url =
            || self.attribute(&["http.url", "url.full"]).and_then(crate::recorded::split_url).map(|(_, target)| target);
        target.map(str::to_owned).or_else(url)
    }

    fn attribute(&self, names: &[&str]) -> Option<&str> {
        let find = |name: &&str| self.attributes.iter().find(|(known, _)| known == name);
        names.iter().find_map(find).map(|(_, value)| value.as_str())
    }
}
