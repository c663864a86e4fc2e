//! Options of proxied responses, for `serve`.

use clap::Args;

use super::DurationArg;
use super::target_args::TargetArgs;
use crate::proxy::ProxySettings;
use crate::upstream::{TargetPattern, TargetUrl, TrustAnchors};

/// How the requests of stubs with a `proxyBaseUrl` are forwarded.
#[derive(Args, Debug)]
pub(super) struct ProxyArgs {
    /// Forward calls that no stub matches to this service, as a stub of priority 10 would
    #[arg(long, value_name = "URL", value_parser = parse_target, help_heading = "Proxying")]
    proxy_all: Option<String>,

    /// Send the client's Host header to services that stubs proxy to, not their own
    #[arg(long, help_heading = "Proxying")]
    preserve_host_header: bool,

    /// Send the client's User-Agent header to services that stubs proxy to
    #[arg(long, help_heading = "Proxying")]
    preserve_user_agent_proxy_header: bool,

    /// Content codings that services may be asked for, such as gzip,deflate [default: those that
    /// the client accepts]
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "Proxying")]
    supported_proxy_encodings: Option<Vec<String>>,

    /// Time that a service may be silent; beyond it: 500
    #[arg(long, value_name = "TIME", default_value_t = DurationArg(ProxySettings::default().timeout), help_heading = "Proxying")]
    proxy_timeout: DurationArg,

    /// Targets that stubs may proxy to: addresses, FIRST-LAST, ADDRESS/BITS, names with `*`
    /// [default: all but the metadata services of clouds]
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "Proxying")]
    allow_proxy_targets: Vec<TargetPattern>,

    /// Targets that stubs may not proxy to, written like --allow-proxy-targets
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "Proxying")]
    deny_proxy_targets: Vec<TargetPattern>,

    /// Trust https services that stubs proxy to only by the certificates of this PEM file
    /// [default: any certificate, as in WireMock]
    #[arg(long, value_name = "FILE", help_heading = "Proxying")]
    proxy_ca: Option<std::path::PathBuf>,
}

impl ProxyArgs {
    /// Returns the settings of proxied responses, with the limits of `target`.
    pub(super) fn settings(&self, target: &TargetArgs) -> ProxySettings {
        let limits = target.limits(None);
        ProxySettings {
            all: self.proxy_all.clone(),
            preserve_host: self.preserve_host_header,
            preserve_user_agent: self.preserve_user_agent_proxy_header,
            supported_encodings: self.supported_proxy_encodings.clone(),
            timeout: self.proxy_timeout.0,
            allowed_targets: self.allow_proxy_targets.clone(),
            denied_targets: self.deny_proxy_targets.clone(),
            trust: self.proxy_ca.clone().map_or(TrustAnchors::AnyCertificate, TrustAnchors::File),
            max_in_flight: limits.in_flight,
            max_per_second: limits.per_second,
            queue_timeout: limits.max_wait,
        }
    }
}

fn parse_target(text: &str) -> Result<String, String> {
    TargetUrl::parse(text).map(|target| target.to_string())
}
