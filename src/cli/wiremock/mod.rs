//! WireMock's command line: `standin wiremock`, and `standin` without a subcommand.
//!
//! Its options are translated into arguments of `standin serve`, whose own options may stand among
//! them.

mod options;

use std::ffi::OsString;
use std::net::{IpAddr, ToSocketAddrs as _};

use clap::CommandFactory as _;

use self::options::{Effect, OPTIONS, OptionValue, WireMockOption};
use super::{Cli, Exit, Failure, print_line, print_note};
use standin_stub::defect::nearest;

/// Variable with options that are read after those of the command line, as in WireMock's image.
const OPTIONS_VARIABLE: &str = "WIREMOCK_OPTIONS";

/// Variable with options that are read before those of the command line: the defaults of an image.
const DEFAULTS_VARIABLE: &str = "STANDIN_WIREMOCK_DEFAULTS";

/// The result of reading WireMock's command line.
pub(super) enum Translation {
    /// Arguments of `standin serve`, with the name of the program.
    Serve(Vec<OsString>),
    /// Help or version has been printed.
    Printed(Exit),
}

/// Returns true if the arguments, after the name of the program, are WireMock's: none, an option
/// other than those for help and version, or the subcommand `wiremock`.
pub(super) fn is_wiremock(args: &[OsString]) -> bool {
    match args.first().map(|arg| arg.to_string_lossy()) {
        None => true,
        Some(first) => first == "wiremock" || first.starts_with('-') && !CLI_OPTIONS.contains(&&*first),
    }
}

/// Options of `standin` itself, when they come first.
const CLI_OPTIONS: [&str; 4] = ["--help", "-h", "--version", "-V"];

/// Translates WireMock's command line and its environment variables.
pub(super) fn translate(args: &[OsString]) -> Result<Translation, Failure> {
    let skipped = usize::from(args.first().is_some_and(|first| first == "wiremock"));
    let given = args[skipped..].iter().map(|arg| arg.to_string_lossy().into_owned());
    let variable = |name: &str| {
        let text = std::env::var(name).unwrap_or_default();
        text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    let all: Vec<String> =
        variable(DEFAULTS_VARIABLE).into_iter().chain(given).chain(variable(OPTIONS_VARIABLE)).collect();
    let mut serve = ServeCommand::default();
    match serve.read(all)? {
        Some(Effect::Version) => {
            print_line(&format!("standin {}", env!("CARGO_PKG_VERSION")));
            return Ok(Translation::Printed(Exit::Success));
        }
        Some(_) => {
            print_help();
            return Ok(Translation::Printed(Exit::Success));
        }
        None => {}
    }
    serve.notes.iter().for_each(|note| print_note(note));
    serve.into_args().map(Translation::Serve)
}

/// Returns how an option of WireMock is written for `serve`, for the error of one that was given
/// there.
pub(super) fn advice(option: &str) -> Option<String> {
    let name = option.strip_prefix("--")?.split('=').next()?;
    let known = OPTIONS.iter().find(|option| option.name == name)?;
    let own = match known.effect {
        Effect::HttpPort => "write --listen 127.0.0.1:PORT".to_owned(),
        Effect::HttpsPort => "write --listen https://127.0.0.1:PORT".to_owned(),
        Effect::BindAddress => "write --listen ADDRESS:PORT".to_owned(),
        Effect::RootDir => "the folder stands behind `serve`: standin serve DIR".to_owned(),
        _ => known.summary(),
    };
    Some(format!("--{name} is an option of WireMock, which `standin wiremock` takes; here: {own}"))
}

fn print_help() {
    print_line("WireMock's options, and what they do in standin:\n");
    for option in OPTIONS {
        print_line(&format!("  --{:<40} {}", option.name, option.summary()));
    }
    print_line("\nOptions of `standin serve` may stand among them. Variables: WIREMOCK_OPTIONS.");
    print_line("Other commands: standin --help");
}

/// The arguments of `standin serve` that WireMock's options ask for.
#[derive(Default)]
struct ServeCommand {
    http_port: Option<u16>,
    https_port: Option<u16>,
    no_http: bool,
    bind_address: Option<String>,
    root: Option<String>,
    args: Vec<String>,
    /// Options that have no effect, each with its reason.
    notes: Vec<String>,
}

impl ServeCommand {
    /// Reads the options; returns `Help` or `Version` if it is asked for.
    fn read(&mut self, args: Vec<String>) -> Result<Option<Effect>, Failure> {
        let mut problems = Vec::new();
        let mut rest = args.into_iter().peekable();
        while let Some(arg) = rest.next() {
            let Some(typed) = arg.strip_prefix("--") else {
                self.notes.push(format!("`{arg}` is ignored: WireMock's command line has options alone"));
                continue;
            };
            let (name, joined) = match typed.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (typed, None),
            };
            let own = serve_option(name);
            let option = WireMockOption::find(name).filter(|option| option.name == name || own.is_none());
            let takes = match (option, own) {
                (Some(option), _) => option.value,
                (None, Some(takes_value)) if takes_value => OptionValue::Required,
                (None, Some(_)) => OptionValue::Absent,
                (None, None) => {
                    problems.push(unknown(name));
                    // its value
                    rest.next_if(|next| joined.is_none() && !next.starts_with("--"));
                    continue;
                }
            };
            let value = match takes {
                OptionValue::Absent => joined,
                _ => joined.or_else(|| rest.next_if(|next| !next.starts_with("--"))),
            };
            if takes == OptionValue::Required && value.is_none() {
                problems.push(format!("--{name} needs a value"));
                continue;
            }
            let Some(option) = option else {
                self.args.push(format!("--{name}"));
                self.args.extend(value);
                continue;
            };
            if matches!(option.effect, Effect::Help | Effect::Version) {
                return Ok(Some(option.effect));
            }
            if let Err(problem) = self.apply(option, value.as_deref()) {
                problems.push(problem);
            }
        }
        if self.no_http && self.https_port.is_none() {
            problems.push("--disable-http leaves nothing to listen on; add --https-port".to_owned());
        }
        if problems.is_empty() { Ok(None) } else { Err(Failure::usage(problems.join("\n"))) }
    }

    fn apply(&mut self, option: &WireMockOption, value: Option<&str>) -> Result<(), String> {
        let (name, text) = (option.name, value.unwrap_or_default());
        // WireMock reads `--verbose=false` as it reads `--verbose`; here it says what it says
        if option.value == OptionValue::Absent && text == "false" {
            return Ok(());
        }
        match option.effect {
            Effect::HttpPort => self.http_port = Some(number(name, text)?),
            Effect::HttpsPort => self.https_port = Some(number(name, text)?),
            Effect::NoHttp => self.no_http = true,
            Effect::BindAddress => self.bind_address = Some(text.to_owned()),
            Effect::RootDir => self.root = Some(text.to_owned()),
            Effect::Extensions => self.note_extensions(text),
            // without its value the option changes nothing
            Effect::Same(_) if option.value == OptionValue::Optional && value.is_none() => {}
            Effect::Same(own) => {
                self.args.push(own.to_owned());
                if option.value != OptionValue::Absent {
                    self.args.push(text.to_owned());
                }
            }
            Effect::Milliseconds(own) => {
                let time = number::<u64>(name, text)?;
                self.args.extend([own.to_owned(), format!("{time}ms")]);
            }
            Effect::AtLeast(own, least) => {
                let count = number::<usize>(name, text)?.max(least);
                self.args.extend([own.to_owned(), count.to_string()]);
            }
            Effect::Args(args) => self.args.extend(args.iter().map(|arg| (*arg).to_owned())),
            Effect::Ignored(why) => self.notes.push(format!("--{name} has no effect: {why}")),
            Effect::Refused(what) => return Err(format!("--{name}: {what}")),
            Effect::BuiltIn(_) | Effect::Help | Effect::Version => {}
        }
        Ok(())
    }

    /// Notes classes of Java, but turns templates on for the transformer that was one in WireMock
    /// 2.
    fn note_extensions(&mut self, classes: &str) {
        let (templates, others): (Vec<&str>, Vec<&str>) =
            classes.split(',').map(str::trim).partition(|class| class.ends_with("ResponseTemplateTransformer"));
        if !templates.is_empty() {
            self.args.push("--global-response-templating".to_owned());
        }
        for class in others {
            self.notes.push(format!("--extensions {class} has no effect: classes of Java do not run here"));
        }
    }

    fn into_args(self) -> Result<Vec<OsString>, Failure> {
        let root = self.root.unwrap_or_else(|| ".".to_owned());
        std::fs::create_dir_all(&root)
            .map_err(|error| Failure::of_reading(format!("--root-dir `{root}` cannot be made: {error}"), &error))?;
        let mut args = vec!["standin".to_owned(), "serve".to_owned(), root];
        if !self.args.iter().any(|arg| arg == "--listen") {
            let address = bind_address(self.bind_address.as_deref().unwrap_or("127.0.0.1"))?;
            let listen = |scheme: &str, port: u16| format!("{scheme}{}", std::net::SocketAddr::new(address, port));
            if !self.no_http {
                args.extend(["--listen".to_owned(), listen("", self.http_port.unwrap_or(8080))]);
            }
            if let Some(port) = self.https_port {
                args.extend(["--listen".to_owned(), listen("https://", port)]);
            }
        }
        // an option that is given twice counts as it is given last
        args.extend(last_of_each(self.args));
        Ok(args.into_iter().map(OsString::from).collect())
    }
}

/// Returns the arguments of `serve` without options that come again later, save those that may.
fn last_of_each(args: Vec<String>) -> Vec<String> {
    let mut groups: Vec<Vec<String>> = Vec::new();
    for arg in args {
        match groups.last_mut() {
            Some(group) if !arg.starts_with("--") => group.push(arg),
            _ => groups.push(vec![arg]),
        }
    }
    let repeats =
        |at: usize| !MAY_REPEAT.contains(&&*groups[at][0]) && groups[at + 1..].iter().any(|g| g[0] == groups[at][0]);
    (0..groups.len()).filter(|at| !repeats(*at)).flat_map(|at| groups[at].clone()).collect()
}

/// Options of `serve` of which several may be given.
const MAY_REPEAT: [&str; 2] = ["--listen", "--admin-host"];

/// Returns whether an option of `serve` takes a value; `None` if it has no such option.
fn serve_option(name: &str) -> Option<bool> {
    let command = Cli::command();
    let serve = command.find_subcommand("serve")?;
    let option = serve.get_arguments().find(|arg| arg.get_long() == Some(name))?;
    Some(option.get_action().takes_values())
}

fn unknown(name: &str) -> String {
    let command = Cli::command();
    let own = command.find_subcommand("serve").into_iter().flat_map(clap::Command::get_arguments);
    let own: Vec<String> = own.filter_map(|arg| arg.get_long().map(str::to_owned)).collect();
    let names: Vec<&str> = OPTIONS.iter().map(|option| option.name).chain(own.iter().map(String::as_str)).collect();
    match nearest(name, &names) {
        Some(near) => format!("--{name} is no option of WireMock or of standin; did you mean --{near}?"),
        None => format!("--{name} is no option of WireMock or of standin; `standin wiremock --help` lists them"),
    }
}

fn number<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("--{name}: `{text}` is no number that is possible here"))
}

fn bind_address(text: &str) -> Result<IpAddr, Failure> {
    if let Ok(address) = text.trim_matches(['[', ']']).parse() {
        return Ok(address);
    }
    let resolved = (text, 0).to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    resolved.map(|address| address.ip()).ok_or_else(|| {
        Failure::usage(format!("--bind-address: `{text}` is no address of this host; write one such as 0.0.0.0"))
    })
}
