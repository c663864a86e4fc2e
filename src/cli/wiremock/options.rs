//! The options of WireMock 3.13, and what each does here.

/// An option of WireMock's command line.
pub(super) struct WireMockOption {
    /// Name without its dashes.
    pub(super) name: &'static str,
    pub(super) value: OptionValue,
    pub(super) effect: Effect,
}

/// The value of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OptionValue {
    Absent,
    Required,
    Optional,
}

/// The effect of an option.
#[derive(Clone, Copy, Debug)]
pub(super) enum Effect {
    /// Port of the HTTP listener.
    HttpPort,
    NoHttp,
    /// Port of an HTTPS listener.
    HttpsPort,
    /// Address of both listeners.
    BindAddress,
    /// Folder of `mappings/` and `__files/`.
    RootDir,
    /// Classes: the transformer for templates is built in, others are reported.
    Extensions,
    /// An option of `serve` with the same value, if it has one.
    Same(&'static str),
    /// An option of `serve` with a duration; the value is in milliseconds.
    Milliseconds(&'static str),
    /// An option of `serve` with a number that is at least this.
    AtLeast(&'static str, usize),
    /// Arguments of `serve` without the value.
    Args(&'static [&'static str]),
    /// Nothing to do: this is how standin works.
    BuiltIn(&'static str),
    /// No effect; a line says why.
    Ignored(&'static str),
    /// An error that says what to do instead: to go on would not do what was asked for.
    Refused(&'static str),
    Version,
    Help,
}

use Effect::{
    Args, AtLeast, BindAddress, BuiltIn, Extensions, Help, HttpPort, HttpsPort, Ignored, Milliseconds, NoHttp, Refused,
    RootDir, Same, Version,
};
use OptionValue::{Absent, Optional, Required};

const NO_THREADS: &str = "a call that waits holds no thread here";
const NO_KEYSTORE: &str = "Java key stores are not read, and https uses a certificate that is made at start; to use your \
                           own as PEM, run `keytool -importkeystore -srckeystore STORE -destkeystore all.p12 -deststoretype \
                           PKCS12` (a PKCS12 store needs this no more), then `openssl pkcs12 -in all.p12 -nodes -out \
                           all.pem`, and add `--tls-cert all.pem --tls-key all.pem`";
const NO_FORWARD_PROXY: &str = "requests with absolute URLs are answered by stubs, but no tunnel is opened and no other host is called; let the \
     client call standin itself, and add a stub with a `proxyBaseUrl` for what the real service is to answer";
const NO_BUFFER: &str = "the head of a response may have any length";

/// All options, in the order of WireMock's help. The last ones belong to WireMock 4.
pub(super) const OPTIONS: &[WireMockOption] = &[
    option("port", Required, HttpPort),
    option("disable-http", Absent, NoHttp),
    option("https-port", Required, HttpsPort),
    option("bind-address", Required, BindAddress),
    option("container-threads", Required, BuiltIn(NO_THREADS)),
    option("timeout", Optional, BuiltIn("answers take as long as their stubs say")),
    option("disable-optimize-xml-factories-loading", Absent, BuiltIn("there is no Java")),
    option("disable-strict-http-headers", Absent, Ignored("headers that break HTTP are refused by every HTTP library")),
    option(
        "https-require-client-cert",
        Absent,
        Refused("client certificates are not checked; put a proxy that does in front"),
    ),
    option("truststore-type", Required, Ignored("client certificates are not checked")),
    option("truststore-password", Required, Ignored("client certificates are not checked")),
    option("https-truststore", Required, Ignored("client certificates are not checked")),
    option("keystore-type", Required, Ignored(NO_KEYSTORE)),
    option("keystore-password", Required, Ignored(NO_KEYSTORE)),
    option("key-manager-password", Required, Ignored(NO_KEYSTORE)),
    option("https-keystore", Required, Ignored(NO_KEYSTORE)),
    option("proxy-all", Required, Same("--proxy-all")),
    option("preserve-host-header", Absent, Same("--preserve-host-header")),
    option("preserve-user-agent-proxy-header", Absent, Same("--preserve-user-agent-proxy-header")),
    option("supported-proxy-encodings", Required, Same("--supported-proxy-encodings")),
    option("proxy-timeout", Required, Milliseconds("--proxy-timeout")),
    option("allow-proxy-targets", Required, Same("--allow-proxy-targets")),
    option("deny-proxy-targets", Required, Same("--deny-proxy-targets")),
    option(
        "proxy-via",
        Required,
        Refused("services are called directly; leave it out, and run standin where it reaches the service itself"),
    ),
    option("proxy-pass-through", Required, BuiltIn("it concerns browser proxying alone")),
    option(
        "record-mappings",
        Absent,
        Refused(
            "start with `--proxy-all URL` alone, send the calls, then `curl -X POST -H 'Content-Type: application/json' \
             -d '{\"persist\": true}' http://HOST:PORT/__admin/recordings/snapshot` writes the stubs to mappings/",
        ),
    ),
    option(
        "match-headers",
        Required,
        Refused(
            "name the headers in the recording: `\"captureHeaders\": {\"Accept\": {}}` of /__admin/recordings/snapshot",
        ),
    ),
    option("root-dir", Required, RootDir),
    option(
        "load-resources-from-classpath",
        Required,
        Refused("there is no class path; unpack the folder and use --root-dir"),
    ),
    option("verbose", Absent, Args(&["--log-requests", "--log", "info"])),
    option("print-all-network-traffic", Absent, Args(&["--log", "trace"])),
    option("disable-banner", Absent, BuiltIn("there is no banner")),
    option("disable-request-logging", Absent, BuiltIn("calls are not logged unless it is asked for")),
    option("enable-browser-proxying", Absent, Ignored(NO_FORWARD_PROXY)),
    option("ca-keystore", Required, Ignored(NO_FORWARD_PROXY)),
    option("ca-keystore-password", Required, Ignored(NO_FORWARD_PROXY)),
    option("ca-keystore-type", Required, Ignored(NO_FORWARD_PROXY)),
    option(
        "trust-all-proxy-targets",
        Absent,
        BuiltIn("stubs that proxy trust any certificate, unless --proxy-ca is given"),
    ),
    option(
        "trust-proxy-target",
        Required,
        BuiltIn("stubs that proxy trust any certificate, unless --proxy-ca is given"),
    ),
    option("no-request-journal", Absent, Args(&["--journal-bytes", "0"])),
    option("max-request-journal-entries", Required, Same("--journal-entries")),
    option(
        "logged-response-body-size-limit",
        Required,
        Ignored("the journal is bounded by its size, 64 MiB; --journal-bytes N changes it"),
    ),
    option("extensions", Required, Extensions),
    option("disable-extensions-scanning", Absent, BuiltIn("there are no Java extensions")),
    option("jetty-acceptor-threads", Required, BuiltIn(NO_THREADS)),
    option("jetty-accept-queue-size", Required, Ignored("the operating system's limit of waiting connections is used")),
    option("jetty-header-buffer-size", Required, AtLeast("--max-head", 8192)),
    option("jetty-header-request-size", Required, AtLeast("--max-head", 8192)),
    option("jetty-header-response-size", Required, BuiltIn(NO_BUFFER)),
    option("jetty-stop-timeout", Required, Milliseconds("--grace")),
    option("jetty-idle-timeout", Required, Milliseconds("--idle-timeout")),
    option("global-response-templating", Absent, Same("--global-response-templating")),
    option("local-response-templating", Absent, BuiltIn("stubs that name `response-template` are rendered")),
    option("disable-response-templating", Absent, Same("--disable-response-templating")),
    option("max-template-cache-entries", Optional, BuiltIn("templates are compiled when their stubs are read")),
    option("permitted-system-keys", Optional, Same("--permitted-system-keys")),
    option("filename-template", Required, Ignored("files of saved stubs are named by name or method, url and id")),
    option("async-response-enabled", Required, BuiltIn(NO_THREADS)),
    option("async-response-threads", Required, BuiltIn(NO_THREADS)),
    option("webhook-threadpool-size", Required, Same("--webhook-threadpool-size")),
    option("use-chunked-encoding", Required, Ignored("a length that is known is sent as `Content-Length`")),
    option("disable-gzip", Absent, Same("--disable-gzip")),
    option("enable-stub-cors", Absent, Same("--enable-stub-cors")),
    option("max-http-client-connections", Required, BuiltIn("connections to services are opened as they are needed")),
    option("disable-connection-reuse", Optional, BuiltIn("connections to services are reused")),
    option("admin-api-basic-auth", Required, Same("--admin-api-basic-auth")),
    option("admin-api-require-https", Absent, Same("--admin-api-require-https")),
    option("version", Absent, Version),
    option("help", Absent, Help),
    option("websocket-idle-timeout", Required, Ignored("--idle-timeout holds for channels too")),
    option("websocket-max-text-message-size", Required, Same("--max-message")),
    option("websocket-max-binary-message-size", Required, Ignored("--max-message holds for texts and bytes")),
];

const fn option(name: &'static str, value: OptionValue, effect: Effect) -> WireMockOption {
    WireMockOption { name, value, effect }
}

impl WireMockOption {
    /// Returns the option of a name, or of the beginning of one name alone, as WireMock finds it.
    pub(super) fn find(name: &str) -> Option<&'static Self> {
        let exact = OPTIONS.iter().find(|option| option.name == name);
        exact.or_else(|| {
            let mut begun = OPTIONS.iter().filter(|option| option.name.starts_with(name));
            begun.next().filter(|_| begun.next().is_none() && !name.is_empty())
        })
    }

    /// Returns what the option does, for the help.
    pub(super) fn summary(&self) -> String {
        match self.effect {
            HttpPort => "port of HTTP; 0 takes a free one (8080)".to_owned(),
            NoHttp => "no HTTP listener".to_owned(),
            HttpsPort => "port of HTTPS".to_owned(),
            BindAddress => "address to listen on (127.0.0.1)".to_owned(),
            RootDir => "folder of mappings/ and __files/ (.)".to_owned(),
            Extensions => "names of Java classes are reported".to_owned(),
            Same(name) | Milliseconds(name) | AtLeast(name, _) => format!("as {name} of standin serve"),
            Args(args) => format!("as {} of standin serve", args.join(" ")),
            BuiltIn(why) | Ignored(why) => format!("no effect: {why}"),
            Refused(what) => format!("refused: {what}"),
            Version => "print the version".to_owned(),
            Help => "print this".to_owned(),
        }
    }
}
