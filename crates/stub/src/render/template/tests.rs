use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::budget::{ALL_STEPS, Cancellation, MAX_OUTPUT_BYTES, QUICK_STEPS};
use super::request_model::TemplateContext;
use super::*;
use crate::call::{Call, Peers, Scheme};
use crate::render::settings::SystemKeys;
use crate::render::template::value::{ListKind, MapKind, TemplateValue};
use standin_dialect::cpu_time::thread_cpu_time;

/// Creates a request with a body, headers and a query.
pub(crate) fn call(method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Call {
    let mut request = http::Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (parts, ()) = request.body(()).expect("a request").into_parts();
    let address = "127.0.0.1:8080".parse().expect("an address");
    let peers = Peers { scheme: Scheme::Http, remote: address, local: address };
    Call::new(parts, Bytes::copy_from_slice(body.as_bytes()), peers, Instant::now(), 1 << 20)
}

/// Renders a template; errors become texts.
pub(crate) fn rendered(text: &str, call: &Call) -> String {
    with_steps(text, call, ALL_STEPS)
}

fn with_steps(text: &str, call: &Call, steps: usize) -> String {
    let template = match Template::parse(text) {
        Ok(template) => template,
        Err(error) => return format!("defect {error}"),
    };
    let entries = vec![
        ("name".into(), TemplateValue::text("P")),
        (
            "list".into(),
            TemplateValue::list(vec![TemplateValue::Int(1), TemplateValue::Int(2)], ListKind::Plain).expect("shallow"),
        ),
        ("n".into(), TemplateValue::Double(1.5)),
    ];
    let parameters = TemplateValue::map(entries, MapKind::Plain).expect("shallow");
    let context = TemplateContext { parameters, path: None, system_keys: SystemKeys::default() };
    let model = RequestModel::new(call, &context);
    let mut rng = StdRng::seed_from_u64(1);
    match template.render(&model, &mut RenderBudget::new(steps), &mut rng) {
        Ok(text) => text,
        Err(RenderError::Failed { at, message }) => format!("error {}: {message}", at.unwrap_or_default()),
        Err(RenderError::Exhausted) => "exhausted".to_owned(),
    }
}

/// Checks the output of templates for a request.
pub(crate) fn table(call: &Call, cases: &[(&str, &str)]) {
    for (template, expected) in cases {
        assert_eq!(rendered(template, call), *expected, "{template}");
    }
}

fn plain() -> Call {
    call("GET", "/t/one?a=1&b=2&a=3", &[("X-A", "v"), ("X-A", "w"), ("Cookie", "sid=abc; o=1")], "")
}

#[test]
fn blocks_choose_and_repeat() {
    table(
        &plain(),
        &[
            ("{{#if request.query.a}}yes{{else}}no{{/if}} {{#if request.query.z}}yes{{else}}no{{/if}}", "yes no"),
            ("{{#if false}}a{{else if true}}b{{else}}c{{/if}}", "b"),
            ("{{#if false}}a{{else if false}}b{{else}}c{{/if}}", "c"),
            ("{{#unless request.query.z}}none{{else}}some{{/unless}}", "none"),
            (
                "{{#each (array 1 2 3)}}{{@first}}/{{@last}}/{{@even}}/{{@odd}} {{/each}}",
                "first//even/ ///odd /last/even/ ",
            ),
            ("{{#each (array 'p' 'q') as |v i|}}{{i}}{{v}}{{@index}}{{@index_1}} {{/each}}", "0p01 1q12 "),
            (
                "{{#each (array 'p' 'q')}}{{#each (array 1 2)}}{{@../index}}{{@index}} {{/each}}{{/each}}",
                "00 01 10 11 ",
            ),
            ("{{#each (array)}}x{{else}}none{{/each}}{{#each nothing}}x{{else}}none{{/each}}", "nonenone"),
            (
                "{{#each (parseJson '{\"p\":1,\"q\":2}')}}{{@key}}{{@index}}{{/each}}{{#each (array 5)}}{{@key}}{{/each}}",
                "p0q10",
            ),
            ("{{#each request.query}}{{@key}}={{this}};{{/each}}", "a=1;b=2;"),
            ("{{#with request.query}}{{a}}-{{b}}{{/with}}{{#with nothing}}x{{else}}y{{/with}}", "1-2y"),
            ("{{^request.query.z}}none{{/request.query.z}}{{#nosuch}}x{{/nosuch}}", "none"),
            ("{{#request.query.a}}<{{.}}>{{/request.query.a}}", "<1><3>"),
            ("{{#each (array 1 2)}}{{#each (array 3 4)}}{{../this}}{{this}} {{/each}}{{/each}}", "13 14 23 24 "),
            ("{{#each (array 1)}}{{#if true}}{{this}}{{@root.request.method}}{{/if}}{{/each}}", "1GET"),
            ("{{lookup (array 'a' 'b') 1}} {{lookup parameters 'name'}}", "b P"),
            ("{{#assign 'x'}} a {{request.method}} {{/assign}}[{{x}}]", "[a GET]"),
            ("{{val request.query.z or='d' assign='z'}}{{z}} {{val 1 or=2}} {{val nothing default='e'}}", "d 1 e"),
            ("{{#*inline 'i'}}<{{x}}>{{/inline}}{{> i x='1'}}{{#> j}}other{{/j}}", "<1>other"),
            ("{{#block 'b'}}own{{/block}}{{#partial 'b'}}part{{/partial}}{{#block 'b'}}own{{/block}}", "ownpart"),
            ("{{log 'x'}}{{{{raw}}}} {{x}} {{{{/raw}}}}", ""),
        ],
    );
}

#[test]
fn text_stays_as_it_is_written() {
    table(
        &plain(),
        &[
            ("plain { text } }} {", "plain { text } }} {"),
            ("a{{! note }}b{{!-- long }} note --}}c", "abc"),
            ("{{#if true}}\nline\n{{/if}}\nend\n", "\nline\n\nend\n"),
            // the text before the first tag and after the last is not part of the template
            ("a \n {{~#if true~}} \n b \n {{~/if~}} \n c", "a \n b \n c"),
            ("{{! }} \n {{~#if true~}} \n b \n {{~/if~}} \n {{! }}c", "bc"),
            ("{{request.method}} \\{{x}} {{{request.method}}} {{&request.method}}", "GET {{x}} GET GET"),
            ("a\r\nb{{request.method}}\r\n", "a\r\nbGET\r\n"),
            ("{{'", "{{'"),
        ],
    );
}

#[test]
fn the_call_is_the_model() {
    let json =
        call("POST", "/a%20b/c?q=hello%20there&q=2", &[("Host", "h:81"), ("Content-Type", "application/json")], "{}");
    table(
        &json,
        &[
            ("{{request.url}} {{request.path}}", "/a%20b/c?q=hello%20there&q=2 /a b/c"),
            ("{{request.path.[0]}} {{request.pathSegments.1}} {{size request.path}}", "a b c 2"),
            (
                "{{request.query.q}} {{request.query.q.[1]}} {{request.query.q.last}} {{request.query.q.[-1]}}",
                "hello there 2 2 hello there",
            ),
            (
                "{{request.method}} {{request.requestLine.method}} {{request.body}} {{request.binary}}",
                "POST POST {} false",
            ),
            ("{{request.host}} {{request.port}} {{request.scheme}} {{request.baseUrl}}", "h 81 http http://h:81"),
            (
                "{{request.headers.content-TYPE}} {{request.headers.[Host]}} [{{request.headers.None}}]",
                "application/json h:81 []",
            ),
            ("{{request.clientIp}} {{request.bodyAsBase64}} {{request.multipart}}", "127.0.0.1 e30= false"),
            ("{{parameters.name}} {{parameters.list.[1]}} {{parameters.n}} {{parameters.list}}", "P 2 1.5 [1, 2]"),
            (
                "{{eq request.method 'POST'}} {{eq request.query.q.[1] '2'}} {{eq request.query.q '2'}}",
                "false true false",
            ),
        ],
    );
    let form = "--b\r\nContent-Disposition: form-data; name=\"one\"\r\nX-A: 1\r\n\r\nfirst\r\n--b--";
    let multipart = call("POST", "/m", &[("Content-Type", "multipart/form-data; boundary=b")], form);
    table(
        &multipart,
        &[("{{request.parts.one.body}} {{request.parts.one.headers.x-a}} {{request.multipart}}", "first 1 true")],
    );
    table(&plain(), &[("{{request.cookies.sid}} {{request.headers.X-A}} {{request.headers.X-A.[1]}}", "abc v w")]);
}

#[test]
fn a_path_template_names_its_variables() {
    let call = call("GET", "/contacts/a%20b/x", &[], "");
    let path = Some(standin_dialect::PathTemplate::new("/contacts/{id}/{rest}"));
    let context = TemplateContext { parameters: TemplateValue::Null, path, system_keys: SystemKeys::default() };
    let model = RequestModel::new(&call, &context);
    let template = Template::parse("{{request.path}} {{request.path.id}} {{request.path.[1]}} {{request.path.rest}}");
    let text =
        template.expect("a template").render(&model, &mut RenderBudget::new(ALL_STEPS), &mut StdRng::seed_from_u64(1));
    assert_eq!(text.as_deref(), Ok("/contacts/a%20b/x a%20b a%20b x"));
}

#[test]
fn a_template_that_does_not_parse_says_where_and_how_to_mend_it() {
    for (text, expected) in [
        ("a\n{{#if true}}x{{y}}", "2:0: the block `if` is not closed; write `{{/if}}` at its end"),
        ("{{#if true}}x{{/each}}", "1:13: found `{{/each}}` where `{{/if}}` is expected; close `if` first"),
        (
            "{\"a\":{{x}}}",
            "1:8: `}}}` does not close a tag that `}}` would; put a space after `}}`, or write `{{x}}` where the text continues with `}`",
        ),
        ("{{x 'open}}", "1:4: the quote is not closed; write ' at its end"),
        ("{{/if}}", "1:0: `if` is closed, but not open; remove the tag"),
        ("{{else}}", "1:0: `else` is outside a block; remove the tag"),
        ("{{upper (lower 'a'}}", "1:8: `(` is not closed; write `)` after the parameters"),
        ("{{x a=1 2}}", "1:8: a parameter cannot follow `a=`; put parameters before named arguments"),
        ("{{=<% %>=}}{{x}}", "1:0: other delimiters are not supported; use `{{` and `}}` everywhere"),
        ("{{}}", "1:2: found `}}` where a name is expected; write the name of a helper or a value"),
    ] {
        assert_eq!(Template::parse(text).expect_err(text).to_string(), expected, "{text}");
    }
    assert!(Template::parse(&"{{#if a}}".repeat(200)).is_err());
}

#[test]
fn an_unknown_helper_fails_the_whole_template() {
    let call = plain();
    assert_eq!(rendered("{{#if false}}{{nope 1}}{{/if}}", &call), "error 1:15: could not find helper: 'nope'");
    assert_eq!(rendered("{{upper (nope)}}", &call), "error 1:9: could not find helper: 'nope'");
    assert_eq!(Template::parse("{{nope a=1}}").expect("a template").unknown_helper(), Some("nope"));
}

#[test]
fn no_template_runs_away() {
    let call = plain();
    for text in [
        "{{#each (range 1 1000000000)}}x{{/each}}",
        "{{#each (range 1 1000) as |a|}}{{#each (range 1 1000) as |b|}}{{#each (range 1 1000)}}x{{/each}}{{/each}}{{/each}}",
        "{{center 'x' size=2000000000}}",
        "{{randomValue length=2000000000}}",
        // values that contain one value twice, sixty levels deep
        "{{val 'a' assign='x'}}{{#each (range 1 60)}}{{val (array x x) assign='x'}}{{/each}}{{eq x x}}",
        "{{val 'aaaaaaaa' assign='x'}}{{#each (range 1 60)}}{{val (stringFormat '%s%s' x x) assign='x'}}{{/each}}",
        "{{val 'aaaaaaaa' assign='x'}}{{#each (range 1 60)}}{{val (arrayJoin '' (array 1) prefix=x suffix=x) assign='x'}}{{/each}}",
        "{{val 'aaaaaaaa' assign='x'}}{{#each (range 1 60)}}{{val (join (array x x) '') assign='x'}}{{/each}}",
        "{{#each (range 1 100000)}}{{#each (range 1 100)}}{{jsonPath '[[[1,2],[3]],[4,5,6,7,8,9]]' '$..*'}}{{/each}}{{/each}}",
        "{{#each (range 1 100000)}}{{regexExtract 'aaaaaaaaaaaaaaaaaaaaaaaaaa' '(?=(a))' 'x'}}{{/each}}",
    ] {
        assert_eq!(rendered(text, &call), "exhausted", "{text}");
    }
    let doubling =
        format!("{{{{#assign 'a'}}}}xxxxxxxxxx{{{{/assign}}}}{}", "{{#assign 'a'}}{{a}}{{a}}{{/assign}}".repeat(40));
    assert!(
        matches!(rendered(&doubling, &call).as_str(), "exhausted" | "error 1:0")
            || rendered(&doubling, &call).contains("MiB")
    );
    assert!(rendered("{{#*inline 'a'}}{{> a}}{{/inline}}{{> a}}", &call).contains("deep"));
    assert_eq!(rendered("{{numberFormat 1 (stringFormat '%0300d.%0300d' 0 0)}}", &call).len(), 121);
    let nesting = "{{#each (range 1 1000)}}{{val (array x) assign='x'}}{{/each}}{{x}}";
    assert!(rendered(nesting, &call).contains("too deep"));
    assert_eq!(with_steps("{{#each (range 1 10000)}}x{{/each}}", &call, QUICK_STEPS), "exhausted");
}

proptest! {
    #[test]
    fn parsing_and_rendering_never_panic(text in "(\\{\\{|\\}\\}|\\}\\}\\}|#if |/if|else|each |\\(|\\)|'|\"|x|request\\.|\\[0\\]|~|!|>|&|\\^| |=|1|\\||as |upper |\n|é){0,40}") {
        let text = rendered(&text, &plain());
        prop_assert!(text.len() <= MAX_OUTPUT_BYTES);
    }

    #[test]
    fn text_without_tags_is_itself(text in "[^{]{0,60}") {
        prop_assert_eq!(rendered(&text, &plain()), text);
    }

    #[test]
    fn steps_bound_what_is_written(steps in 0_usize..2_000, count in 0_usize..5_000) {
        let text = with_steps(&format!("{{{{#each (range 1 {count})}}}}x{{{{/each}}}}"), &plain(), steps);
        prop_assert!(text == "exhausted" || text.len() <= steps);
    }
}

#[test]
fn a_rendering_that_is_cancelled_ends() {
    let cancellation = Cancellation::default();
    let mut budget = RenderBudget::cancelled_by(cancellation.clone());
    let guard = cancellation.on_drop();
    assert_eq!(budget.spend(5_000), Ok(()));
    drop(guard);
    assert_eq!(budget.spend(5_000), Err(RenderError::Exhausted));
    assert!(budget.left() > 900_000);
}

#[test]
fn cpu_time_is_paid_for_in_steps() {
    let mut budget = RenderBudget::new(ALL_STEPS);
    let spent = budget.spend_time(|| {
        let begin = thread_cpu_time();
        while thread_cpu_time() < begin + Duration::from_millis(5) {}
    });
    assert_eq!(spent, Ok(()));
    assert!(budget.left() <= ALL_STEPS - 50_000, "{}", budget.left());
}
