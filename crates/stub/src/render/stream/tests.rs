use super::*;
use crate::render::TemplatedText;
use crate::render::template::Template;

fn fixed(text: &str) -> TemplatedText {
    TemplatedText::Fixed(text.to_owned())
}

#[test]
fn events_are_encoded_as_the_standard_says() {
    let fields = EventFields {
        comment: Some(fixed("hello")),
        event: Some(fixed("token")),
        id: Some(fixed("7")),
        retry: Some(3000),
        data: Some(fixed("a\r\nb\nc\rd")),
    };
    let expected = ": hello\nevent: token\nid: 7\nretry: 3000\ndata: a\ndata: b\ndata: c\ndata: d\n\n";
    assert_eq!(fields.encode_fixed(StreamFormat::Events), Some(Ok(expected.into())));
    let wrong = EventFields { id: Some(fixed("a\nb")), ..EventFields::default() };
    assert!(wrong.encode_fixed(StreamFormat::Events).is_some_and(|encoded| encoded.is_err()));
    let empty = EventFields { data: Some(fixed("")), ..EventFields::default() };
    assert_eq!(empty.encode_fixed(StreamFormat::Events), Some(Ok("data: \n\n".into())));
}

#[test]
fn a_line_of_json_is_one_line() {
    let fields = EventFields { data: Some(fixed("{\n \"a\": 1\r\n}\n")), ..EventFields::default() };
    assert_eq!(fields.encode_fixed(StreamFormat::JsonLines), Some(Ok("{  \"a\": 1 }\n".into())));
    assert_eq!(fields.encode_fixed(StreamFormat::Raw), Some(Ok("{\n \"a\": 1\r\n}\n".into())));
}

#[test]
fn a_template_is_not_encoded_at_load() {
    let template = Template::parse("{{chunk.index}}").expect("a template");
    let fields = EventFields { data: Some(TemplatedText::Template(template)), ..EventFields::default() };
    assert_eq!(fields.encode_fixed(StreamFormat::Events), None);
}
