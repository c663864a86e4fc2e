use crate::render::template::tests::{call, rendered, table};

fn plain() -> crate::call::Call {
    call("GET", "/t?a=abc%20d&n=7", &[], "")
}

fn body(body: &str) -> crate::call::Call {
    call("POST", "/t", &[], body)
}

#[test]
fn every_helper_stands_once_and_in_order() {
    let names = super::names();
    assert!(names.windows(2).all(|pair| pair[0].to_lowercase() <= pair[1].to_lowercase()), "{names:?}");
    assert!(names.iter().all(|name| super::find(name).is_some()));
}

#[test]
fn conditions() {
    table(
        &plain(),
        &[
            ("{{eq 1 1 yes='Y' no='N'}} {{gt 1 2 yes='Y' no='N'}} {{eq 1 '1'}} {{neq 1 2}}", "Y N false true"),
            (
                "{{#gt 3 2}}more{{else}}less{{/gt}} {{#lte 3 2}}less{{else}}more{{/lte}} {{gte 2 2}} {{lt 'a' 'b'}}",
                "more more true true",
            ),
            (
                "{{and 1 'a'}} {{and 1 ''}} {{or 0 ''}} {{or 0 'x'}} {{not 0}} {{not 'x'}}",
                "true false false true true false",
            ),
            ("{{gt (math request.query.n '+' 0) 5}}", "true"),
            (
                "{{gt request.query.n 5}}",
                "error 1:2: the values of a field (take one, as in `.[0]`) cannot be compared with a number",
            ),
        ],
    );
}

#[test]
fn texts() {
    table(
        &plain(),
        &[
            ("{{upper (trim (lower '  AbC '))}} {{upper 5}} [{{upper ''}}] {{upper '' 'x'}}", "ABC 5 [] x"),
            (
                "{{capitalizeFirst 'hello world'}} {{capitalize 'my FIRST post'}} {{capitalize 'my FIRST' fully=true}}",
                "Hello world My FIRST Post My First",
            ),
            (
                "{{cut 'a b c'}} {{cut 'xay' 'a'}} {{replace 'a.b.c' '.' '-'}} {{replace 1.5 '.' ','}}",
                "abc xy a-b-c 1,5",
            ),
            ("{{defaultIfEmpty '' 'n'}} {{defaultIfEmpty 'v' 'n'}} {{defaultIfEmpty '' '' 'm'}}", "n v m"),
            (
                "{{join 'a' 'b' 'c' ', '}} {{join (array 1 2 3) '-'}} {{join (array 1) ',' prefix='<' suffix='>'}}",
                "a, b, c 1-2-3 <1>",
            ),
            ("{{substring 'Handlebars' 4}} {{substring 'Handlebars' 0 4}} {{substring 12345 2}}", "lebars Hand 345"),
            ("{{substring 'abc' 5}}", "error 1:2: a text of 3 characters has no part from 5 to 3"),
            (
                "{{slugify ' Joel is a Slug, no 1? '}} {{stripTags '<b>bold</b> and <i>it</i>'}}",
                "joel-is-a-slug-no- bold and it",
            ),
            ("{{yesno true}} {{yesno false no='nay'}} {{yesno nothing}}", "yes nay maybe"),
            (
                "[{{center 'ab' size=5}}] [{{ljust 'ab' size=4 pad='-'}}] [{{rjust 'ab' size=4}}]",
                "[ ab  ] [ab--] [  ab]",
            ),
            ("{{abbreviate 'Handlebars rocks' 13}} {{abbreviate 'short' 13}}", "Handlebars... short"),
            ("{{wordWrap 'Joel is a slug' 5}}|{{wordWrap 'unbreakable x' 3}}", "Joel\nis a\nslug|unbreakable\nx"),
            (
                "{{stringFormat '%s is %d, %05.1f%% %-4s| %,d %x %b' 'x' 5 2.25 'ab' 1234567 255 true}}",
                "x is 5, 002.3% ab  | 1,234,567 ff true",
            ),
            ("{{stringFormat '%2$s %1$s' 'a' 'b'}} {{stringFormat '%S%n' 'up'}}", "b a UP\n"),
            ("{{stringFormat '%d' 'x'}}", "error 1:2: `%d` does not take a text"),
        ],
    );
}

#[test]
fn numbers() {
    table(
        &plain(),
        &[
            (
                "{{math 1 '+' 2}} {{math 5 '-' 7}} {{math 3 '*' 4}} {{math 3 'x' 4}} {{math 10 '/' 4}} {{math 10.0 '/' 3}}",
                "3 -2 12 12 3 3.3",
            ),
            (
                "{{math 10 '%' 3}} {{math -10 '%' 3}} {{math 10.5 '%' 3}} {{math 'abc' '+' 1}} {{math 3000000000 '*' 3}}",
                "1 -1 1.5 1 9.0E9",
            ),
            ("{{math 1 '^' 2}}", "[ERROR: ^ is not a valid mathematical operator]"),
            ("{{math 1 '/' 0}}", "error 1:2: a number cannot be divided by zero"),
            (
                "{{isEven 2}} {{isEven 3}} {{isOdd 3}} {{isEven 2 'yes'}} {{stripes 1}} {{stripes 2 'a' 'b'}}",
                "even  odd yes odd a",
            ),
            (
                "{{numberFormat 1234567.891}} {{numberFormat 0.256 'percent'}} {{numberFormat 1234.5 'integer'}}",
                "1,234,567.891 26% 1,234",
            ),
            (
                "{{numberFormat 12.5 'currency' 'en_US'}} {{numberFormat -1234.5 '#,##0.00'}} {{numberFormat 5 '000'}}",
                "$12.50 -1,234.50 005",
            ),
            (
                "{{numberFormat 1234.5 'default' 'de_DE'}} {{numberFormat 0.5 '0' roundingMode='HALF_UP'}} {{numberFormat -3 '0;(0)'}}",
                "1.234,5 1 (3)",
            ),
            (
                "{{numberFormat 1.23456 maximumFractionDigits=2}} {{numberFormat 1234 groupingUsed=false}} {{numberFormat 'x' 'y'}}",
                "1.23 1234 y",
            ),
        ],
    );
}

#[test]
fn collections() {
    table(
        &plain(),
        &[
            (
                "{{array 1 'b'}} {{array}} {{size (array 1 2)}} {{size 'abcd'}} {{size ''}} [{{size 5}}]",
                "[1, b] [] 2 4 0 []",
            ),
            (
                "{{arrayAdd (array 1 2) 3}} {{arrayAdd (array 1 2) 3 position='start'}} {{arrayAdd (array 1 2) 3 position=1}}",
                "[1, 2, 3] [3, 1, 2] [1, 3, 2]",
            ),
            ("{{arrayAdd (array 1) 2 position='x'}}", "[ERROR: position must be 'start', 'end' or an integer]"),
            ("{{arrayRemove (array 1 2 3)}} {{arrayRemove (array 1 2 3) position=0}}", "[1, 2] [2, 3]"),
            (
                "{{arrayJoin ',' (array 'a' 'b')}} {{arrayJoin ', ' 'x' 'y'}} {{arrayJoin '-' (array 1 2) prefix='[' suffix=']'}}",
                "a,b x, y [1-2]",
            ),
            (
                "{{#arrayJoin ';' (array 1 2) as |i|}}<{{i}}>{{/arrayJoin}} {{arrayJoin 1 (array)}}",
                "<1>;<2> [ERROR: Separator parameter must be a String]",
            ),
            (
                "{{range 1 3}} {{size (range -1 2)}} {{range '1' '2'}} {{range 1}}",
                "[1, 2, 3] 4 [1, 2] [ERROR: The range helper requires both lower and upper bounds as integer parameters]",
            ),
        ],
    );
}

#[test]
fn json() {
    let call = body(
        "{\"s\":\"x\",\"n\":1,\"f\":1.50,\"b\":true,\"l\":[{\"id\":1},{\"id\":2}],\"o\":{\"k\":\"v\"},\"e\":1e3,\"z\":null}",
    );
    table(
        &call,
        &[
            (
                "{{jsonPath request.body '$.s'}} {{jsonPath request.body '$.n'}} {{jsonPath request.body '$.f'}} {{jsonPath request.body '$.e'}}",
                "x 1 1.5 1000.0",
            ),
            (
                "{{jsonPath request.body '$.o'}} {{jsonPath request.body '$.l[*].id'}} {{jsonPath request.body '$.l'}}",
                "{\n  \"k\" : \"v\"\n} [1,2] [{\"id\":1},{\"id\":2}]",
            ),
            (
                "[{{jsonPath request.body '$.none'}}] [{{jsonPath request.body '$.none' default='d'}}] [{{jsonPath 'x' '$.a'}}]",
                "[] [d] []",
            ),
            ("{{#each (jsonPath request.body '$.l') as |i|}}{{i.id}} {{i}} {{/each}}", "1 {id=1} 2 {id=2} "),
            ("{{eq (jsonPath request.body '$.n') 1}} {{jsonPath (parseJson '{\"a\":{\"b\":2}}') '$.a.b'}}", "true 2"),
            (
                "{{jsonPath request.body}} {{jsonPath request.body '$[['}}",
                "[ERROR: The JSONPath cannot be empty] [ERROR: $[[ is not a valid JSONPath expression]",
            ),
            (
                "{{#parseJson 'o'}}{\"x\":\"{{request.method}}\"}{{/parseJson}}{{o.x}} {{parseJson '[1,2]'}} {{parseJson '{\"a\":1.0}'}}",
                "POST [1, 2] {a=1.0}",
            ),
            ("{{parseJson 'nope'}}", "error 1:2: the argument of `parseJson` is not JSON"),
            (
                "{{toJson 'txt'}} {{toJson 5}} {{toJson (array 1 'b')}} [{{toJson nothing}}]",
                "\"txt\" 5 [ 1, \"b\" ] []",
            ),
            (
                "{{formatJson '{\"a\":1,\"b\":[1,2]}'}} {{#formatJson format='compact'}} { \"a\" : 1.50 } {{/formatJson}}",
                "{\n  \"a\" : 1,\n  \"b\" : [ 1, 2 ]\n} {\"a\":1.50}",
            ),
            (
                "{{formatJson '{}' format='odd'}}",
                "[ERROR: formatJson: format [odd] should be one of [pretty, compact]]",
            ),
            (
                "{{jsonMerge '{\"a\":1,\"b\":{\"c\":1}}' '{\"a\":null,\"b\":{\"d\":2}}'}} {{jsonMerge '{\"a\":1}' '{\"a\":null}' removeNulls=true}}",
                "{\"a\":null,\"b\":{\"c\":1,\"d\":2}} {}",
            ),
            (
                "{{jsonMerge '[1]' '{}'}} {{jsonMerge '{}'}}",
                "[ERROR: Base JSON is not a JSON object ('[1]')] [ERROR: JSON to merge must be a string]",
            ),
            (
                "{{jsonRemove '{\"a\":1,\"b\":[1,2]}' '$.b[0]'}} {{jsonRemove '{\"a\":1}' '$.x.y'}} {{jsonRemove '{}' '$'}}",
                "{\"a\":1,\"b\":[2]} {\"a\":1} [ERROR: Delete operation cannot be applied to JSONPath expression ('$')]",
            ),
            (
                "{{jsonArrayAdd '{\"l\":[1]}' '2' jsonPath='$.l'}} {{jsonArrayAdd '[1,2]' '[3]' flatten=true maxItems=2}} {{#jsonArrayAdd '[]'}}{}{{/jsonArrayAdd}}",
                "{\"l\":[1,2]} [2,3] [{}]",
            ),
            (
                "{{jsonArrayAdd '{}' '1'}} {{jsonArrayAdd '[]' 'x{'}}",
                "[ERROR: Target JSON is not a JSON array ('{}')] [ERROR: Item-to-add JSON is not valid JSON ('x{')]",
            ),
        ],
    );
    table(&plain(), &[("{{toJson request.query}}", "{\n  \"a\" : \"abc d\",\n  \"n\" : \"7\"\n}")]);
}

#[test]
fn encodings() {
    table(
        &plain(),
        &[
            (
                "{{base64 'abc d'}} {{base64 'a' padding=false}} {{base64 'YWJj' decode=true}} {{#base64}}block{{/base64}}",
                "YWJjIGQ= YQ abc YmxvY2s=",
            ),
            (
                "{{urlEncode request.query.a}} {{urlEncode 'é&*'}} {{urlEncode 'a%20b+c' decode=true}}",
                "abc+d %C3%A9%26* a b c",
            ),
            (
                "{{formData 'a=1&b=x%20y&a=2&c&d=' 'f' urlDecode=true}}{{f.a}} {{f.a.[1]}} {{f.b}} [{{f.c}}]",
                "1 2 x y []",
            ),
            ("{{base64 '!' decode=true}}", "error 1:2: this is not base64: Invalid symbol 33, offset 0."),
        ],
    );
}

#[test]
fn patterns() {
    table(
        &body("xx id=55 yy"),
        &[
            (
                "{{regexExtract request.body 'id=([0-9]+)'}} {{regexExtract request.body 'id=([0-9]+)' 'm'}}{{m.0}}",
                "id=55 55",
            ),
            (
                "{{regexExtract 'ab-12-cd' '([a-z]+)-([0-9]+)' 'p'}}{{p.0}},{{p.1}} {{regexExtract 'a' '[0-9]' default='d'}}",
                "ab,12 d",
            ),
            (
                "{{regexExtract 'a' '[0-9]'}} {{regexExtract 'a' '('}}",
                "[ERROR: Nothing matched [0-9]] [ERROR: Invalid regex string (]",
            ),
            (
                "{{matches '123' '[0-9]+'}} {{matches 'x1' '[0-9]+'}} {{#matches 'abc' 'a.*'}}ok{{/matches}}{{#matches 'a' 'b'}}no{{else}}e{{/matches}}",
                "true false ok",
            ),
            (
                "{{contains 'abc' 'b'}} {{contains (array 'a' 'b') 'b'}} {{contains nothing 'x'}} {{contains (array 1) '1'}}",
                "true true false false",
            ),
        ],
    );
}

#[test]
fn dates() {
    table(
        &plain(),
        &[
            (
                "{{parseDate \"2018-05-05 1 o'clock PM\" format=\"yyyy-MM-dd h 'o''clock' a\"}} {{parseDate '31.02.2021' format='dd.MM.yyyy'}} [{{parseDate 'Sun 2018-05-05' format='EEE yyyy-MM-dd'}}]",
                "2018-05-05T13:00:00Z 2021-02-28T00:00:00Z []",
            ),
            (
                "{{parseDate '2018-05-05T10:11:12Z'}} [{{parseDate 'junk'}}] {{toJson (parseDate '2018-05-05T10:11:12Z')}}",
                "2018-05-05T10:11:12Z [] \"2018-05-05T10:11:12Z\"",
            ),
            (
                "{{date (parseDate '2018-05-05T10:11:12Z') offset='-1 days'}} {{date (parseDate '2018-05-05T10:11:12+02:00')}}",
                "2018-05-04T10:11:12Z 2018-05-05T10:11:12+02:00",
            ),
            (
                "{{date (parseDate '2018-05-05T10:11:12Z') format='yyyy/MM/dd' timezone='Asia/Tokyo'}} {{date (parseDate '2018-05-05T10:11:12Z') format='unix'}}",
                "2018/05/05 1525515072",
            ),
            (
                "{{truncateDate (parseDate '2021-06-15T11:22:33Z') 'first day of month'}} {{truncateDate 'x' 'first day of month'}}",
                "2021-06-01T00:00:00Z [ERROR: A date object must be passed to the truncateDate helper]",
            ),
            (
                "{{dateFormat (parseDate '2012-06-19T10:11:12Z') 'full' tz='UTC'}}; {{dateFormat (parseDate '2012-06-19T10:11:12Z') 'short' time='short' tz='UTC'}}",
                "Tuesday, June 19, 2012; 6/19/12, 10:11 AM",
            ),
            ("{{now timezone='Nowhere/Land'}}", "error 1:2: Unknown time-zone ID: Nowhere/Land"),
            (
                "{{now offset='x'}}",
                "error 1:2: `x` is not a date offset; write `now`, or an offset such as `3 days` or `now -2 hours`",
            ),
            ("{{size (now)}}{{size (dateFormat (now) 'yyyy-MM-dd')}}", "10"),
        ],
    );
}

#[test]
fn random_values_are_those_of_the_draws() {
    let call = plain();
    for (template, least, most) in [
        ("{{randomInt lower=5 upper=7}}", "5", "6"),
        ("{{pickRandom 'a' 'b'}}", "a", "b"),
        ("{{pickRandom (array 'a' 'b')}}", "a", "b"),
    ] {
        let text = rendered(template, &call);
        assert!((least..=most).contains(&text.as_str()), "{template}: {text}");
        assert_eq!(text, rendered(template, &call), "{template}");
    }
    assert_eq!(rendered("{{randomValue type='UUID'}}", &call).len(), 36);
    let loud = rendered("{{randomValue type='UUID' uppercase=true}}", &call);
    assert!(loud.len() == 36 && loud == loud.to_uppercase() && loud != loud.to_lowercase(), "{loud}");
    let some = rendered("{{randomValue length=12 type='ALPHANUMERIC'}}", &call);
    assert!(some.len() == 12 && some.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{some}");
    let digits = rendered("{{randomValue length=3 type='NUMERIC'}}", &call);
    assert!(digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit()), "{digits}");
    assert_eq!(rendered("{{size (randomValue)}} {{size (pickRandom 'a' 'b' 'c' count=2)}}", &call), "36 2");
    let number: f64 = rendered("{{randomDecimal lower=-10.1 upper=-0.9}}", &call).parse().expect("a number");
    assert!((-10.1..-0.9).contains(&number));
    assert!(rendered("{{randomInt lower=7 upper=7}}", &call).starts_with("error"));
}

#[test]
fn the_system_says_little() {
    let call = plain();
    assert!(!rendered("{{hostname}}", &call).is_empty());
    table(
        &call,
        &[
            (
                "{{systemValue key='PATH'}} {{systemValue}}",
                "[ERROR: Access to PATH is denied] [ERROR: The key cannot be empty]",
            ),
            ("{{systemValue key='wiremock_no_such' default='d'}}", "d"),
        ],
    );
}

/// No helper panics on extreme numbers, widths and texts. Tests check arithmetic for overflow.
#[test]
fn helpers_take_whatever_they_are_given() {
    let odd = [
        "0",
        "-1",
        "70000",
        "9223372036854775807",
        "-9223372036854775808",
        "1e308",
        "0.00000000000000000000001",
        "''",
        "'é😀'",
        "'%070000d'",
        "'%1$9999.300f'",
        "'0.#%;('",
        "'-9223372036854775808 years'",
        "'9999-12-31T23:59:59Z'",
        "'$..[-9223372036854775808:9223372036854775807]'",
        "'[[1, {\"a\": 1e999}]]'",
        "(array 1 'b' -3)",
        "null",
        "request.body",
        "request",
    ];
    let names =
        ["size", "pad", "length", "lower", "upper", "count", "offset", "format", "maximumFractionDigits", "start"];
    let call = body(&"0".repeat(70_000));
    for helper in super::names() {
        for one in odd {
            for other in ["", "9223372036854775807", "-9223372036854775808", "'%.300e'", "'[(]'", "request.body"] {
                let named = format!("{}={one}", names[(one.len() + other.len()) % names.len()]);
                rendered(&format!("{{{{{helper} {one} {other}}}}}"), &call);
                rendered(&format!("{{{{{helper} {other} {one} {named}}}}}"), &call);
                rendered(&format!("{{{{#{helper} {one} {other} {named}}}}}x{{{{/{helper}}}}}"), &call);
            }
        }
    }
}

#[test]
fn numbers_compare_by_value() {
    let call = body("{\"price\":12.5,\"n\":1,\"long\":0.123456789012345678,\"big\":12345678901234567890}");
    let cases = [
        ("{{#gt (jsonPath request.body '$.price') 10}}more{{else}}less{{/gt}}", "more"),
        ("{{eq 1 1.0}} {{neq 1 1.0}} {{gte 1 1.0}} {{lt 1 1.5}} {{lte 2 1.5}}", "true false true true false"),
        ("{{eq 1 '1'}} {{eq (jsonPath request.body '$.n') 1.0}} {{gt 10000000000 1}}", "false true true"),
        ("{{lt (jsonPath request.body '$.long') 1}} {{gt (jsonPath request.body '$.big') 1.5}}", "true true"),
        ("{{eq (parseJson '[1.50]') (parseJson '[1.5]')}} {{contains (array 1.0) 1}}", "false false"),
        ("{{gt '2' 1}}", "error 1:2: a text cannot be compared with a number"),
    ];
    table(&call, &cases);
}

#[test]
fn json_keeps_the_digits_of_numbers() {
    let numbers = "{\"a\":1.50,\"b\":1.23456789012345678,\"c\":1e3,\"d\":-0.0}";
    let call = body(numbers);
    let cases = [
        ("{{parseJson request.body}}", "{a=1.50, b=1.23456789012345678, c=1E+3, d=0.0}"),
        ("{{formatJson request.body format='compact'}}", "{\"a\":1.50,\"b\":1.23456789012345678,\"c\":1E+3,\"d\":0.0}"),
        (
            "{{toJson (parseJson request.body)}}",
            "{\n  \"a\" : 1.50,\n  \"b\" : 1.23456789012345678,\n  \"c\" : 1000,\n  \"d\" : 0.0\n}",
        ),
        ("{{jsonMerge request.body '{\"c\":2.50}'}}", "{\"a\":1.50,\"b\":1.23456789012345678,\"c\":2.50,\"d\":0.0}"),
        ("{{jsonRemove '{\"a\":1.50,\"b\":1}' '$.b'}} {{jsonArrayAdd '[1.0e2]' '2.50'}}", "{\"a\":1.50} [100,2.50]"),
        ("{{jsonPath request.body '$.a'}} {{jsonPath request.body '$.b'}}", "1.5 1.23456789012345678"),
        ("{{toJson (parseJson '{\"a\":null,\"b\":[null]}')}}", "{\n  \"b\" : [ null ]\n}"),
        ("{{formatJson '{\"a\":null}' format='compact'}}", "{\"a\":null}"),
    ];
    table(&call, &cases);
    let long = rendered("{{toJson (parseJson '[1e100000]')}}", &call);
    assert!(long.starts_with("error 1:2: the number `1E+100000` is too long"), "{long}");
}

#[test]
fn json_that_is_broken_or_lenient() {
    table(
        &plain(),
        &[
            ("{{jsonPath '{\"a\":' '$.a'}}", "[ERROR: {\"a\": is not valid JSON]"),
            ("{{jsonPath '[1,2' '$[0]' default='d'}}", "[ERROR: [1,2 is not valid JSON]"),
            ("[{{jsonPath '<a/>' '$.a'}}] [{{jsonPath 'x' '$.a' default='d'}}] {{jsonPath 5 '$'}}", "[] [d] 5"),
            (
                "{{jsonPath \"{'a':'b'}\" '$.a'}} {{parseJson '{\"a\":1} rest'}} {{jsonPath}}",
                "b {a=1} [ERROR: The JSONPath cannot be empty]",
            ),
            (
                "{{parseJson '{}' 'x'}}[{{x}}] {{parseJson '' 'y'}}[{{y}}] {{#parseJson 'z'}} {{/parseJson}}[{{z}}]",
                "[{}] [{}] [{}]",
            ),
            ("{{jsonMerge '{\"b\":1}' '{\"b\":{\"c\":null}}' removeNulls=true}}", "{\"b\":{\"c\":null}}"),
        ],
    );
}

#[test]
fn what_is_missing_is_an_error() {
    for helper in ["base64", "formData", "matches", "parseDate", "regexExtract", "size", "trim", "urlEncode"] {
        let template = format!("{{{{{helper} request.query.missing 'x'}}}}");
        let message = rendered(&template, &plain());
        assert!(message.starts_with("error") && message.contains(&format!("`{helper}`")), "{message}");
    }
    table(
        &plain(),
        &[
            ("{{date (parseDate request.query.d.[0])}}", "error 1:8: the value that `parseDate` is given is missing"),
            ("{{math 1 '+' nothing}}", "error 1:2: an operand of `math` is missing"),
            ("[{{parseDate '2021-01-02'}}] [{{parseDate '2021-01-02T03:04:05'}}]", "[] []"),
            ("{{parseDate 'x' format='unix'}}", "error 1:2: `x` is not a count of seconds or milliseconds"),
        ],
    );
}

#[test]
fn positions_outside_of_a_list() {
    let outside = "[ERROR: position must be greater than or equal to 0 and less than or equal to the size of the list]";
    for template in [
        "{{arrayAdd (array 1 2) 3 position=-2}}",
        "{{arrayAdd (array 1 2) 3 position=5}}",
        "{{arrayRemove (array 1 2) position=-1}}",
        "{{arrayRemove (array 1 2) position=3}}",
    ] {
        table(&plain(), &[(template, outside)]);
    }
    table(
        &plain(),
        &[
            ("{{arrayAdd (array 1 2) 3 position='2'}} {{range 3 2}} {{array nothing 1}}", "[1, 2, 3] [] []"),
            ("{{range 'x' 3}}", "error 1:2: `x` is not a whole number"),
            ("{{arrayJoin '-' (array 1 2) 'ignored'}} {{capitalize 'ßa éb'}} [{{cut '' ','}}]", "1-2 ßa Éb []"),
            ("{{range 3 1}}", "error 1:2: the range from 3 to 1 has no items"),
            ("{{pickRandom 'a' count=0}}{{pickRandom 'a' count=-1}}{{pickRandom 'a' count=2}}", "aa[a]"),
        ],
    );
}

#[test]
fn names_with_brackets_are_looked_up() {
    let call = call("GET", "/t?filter[id]=7&ids[]=x&ids[]=y&a.b=z", &[("x-some-id", "5")], "");
    table(
        &call,
        &[
            ("{{lookup request.query 'filter[id]'}} {{lookup request.query 'ids[]'}}", "7 x"),
            (
                "{{lookup request.query 'ids[].1'}} {{lookup request.query 'ids[].[1]'}} {{request.query.[a.b]}}",
                "y y z",
            ),
            ("{{#each (lookup request.query 'ids[]')}}{{this}};{{/each}}", "x;y;"),
            ("{{#each request.headers}}{{@key}}={{this}};{{/each}}", "X-Some-Id=5;"),
            ("{{request.query}}", "{a.b=z, ids[]=x, filter[id]=7}"),
        ],
    );
    let wrong = rendered("{{request.query.filter[id]}}", &call);
    assert!(wrong.contains("could not find helper: 'request.query.filter'"), "{wrong}");
}

#[test]
fn xml() {
    let soap = "<s:Envelope xmlns:s='u'><s:Body><m:q xmlns:m='v' i='1'>5</m:q><q>6</q></s:Body></s:Envelope>";
    table(
        &body(soap),
        &[
            ("{{soapXPath request.body '/q/text()'}} {{soapXPath request.body 'q/@i'}}", "5 1"),
            ("{{xPath request.body '/Envelope/Body/q[2]/text()'}} {{xPath request.body 'count(//q)'}}", "6 1"),
            ("[{{xPath request.body '/nothing'}}] {{size (xPath request.body '/Envelope/Body/q')}}", "[] 2"),
            ("{{#each (soapXPath request.body '/q')}}{{name}}={{text}}{{attributes.i}} {{/each}}", "m:q=51 q=6 "),
            ("{{#each (soapXPath request.body '/q/text()')}}{{this}};{{/each}}", "5;6;"),
            ("{{lookup (soapXPath request.body '/q') 1}}", "<q>6</q>\n"),
        ],
    );
    table(
        &plain(),
        &[
            ("{{xPath '<a><b>5<c/></b></a>' '//b'}}", "<b>\n  5\n  <c/>\n</b>\n"),
            (
                "{{xPath '<a/>' '1 div 3'}} {{xPath '<a/>' '2 > 1'}} {{math (xPath '<a>5</a>' '/a/text()') '+' 1}}",
                "0.333 true 6",
            ),
            (
                "{{xPath '<a>' '/a'}} {{xPath nothing '/a'}}",
                "[ERROR: <a> is not valid XML] [ERROR: null is not valid XML]",
            ),
            (
                "{{xPath '<a/>' '/a['}} {{xPath '<a/>'}}",
                "[ERROR: /a[ is not a valid XPath expression] [ERROR: The XPath expression cannot be empty]",
            ),
            ("{{soapXPath '<a/>' '//q'}}", "[ERROR: //q is not a valid XPath expression]"),
            (
                "{{toJson (xPath '<a><b x=\"1\">t</b></a>' '/a/b')}}",
                "{\n  \"attributes\" : {\n    \"x\" : \"1\"\n  },\n  \"name\" : \"b\",\n  \"text\" : \"t\"\n}",
            ),
            ("{{formatXml '<a><b>5</b> <c x=\"1\" /></a>'}}", "<a>\n  <b>5</b>\n  <c x=\"1\"/>\n</a>\n"),
            ("{{#formatXml format='compact'}} <a> <b>5</b> </a> {{/formatXml}}", "<a><b>5</b></a>"),
            (
                "{{formatXml '<a>'}} {{formatXml '<a/>' format='x'}}",
                "[ERROR: Input is not valid XML] [ERROR: formatXml: format [x] should be one of [pretty, compact]]",
            ),
            (
                "{{formatXml ''}}",
                "[ERROR: formatXml should take a block of XML to format or a single parameter of type String]",
            ),
            (
                "{{formatXml '<a/>' format=5}}",
                "[ERROR: formatXml: format [5] of type [java.lang.Integer should be a Format or a String and one of [pretty, compact]]]",
            ),
        ],
    );
}

#[test]
fn xml_is_bounded() {
    let wide = format!("<a>{}</a>", "<b/>".repeat(3000));
    assert_eq!(rendered("{{xPath request.body '//b[//b[. = 1]]'}}", &body(&wide)), "exhausted");
    let deep = format!("{}{}", "<a>".repeat(300), "</a>".repeat(300));
    assert!(rendered("{{formatXml request.body}}", &body(&deep)).starts_with("error"));
}
