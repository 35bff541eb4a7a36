//! Schemas by table, and the bounds of a check.

use super::*;

fn read(text: &str) -> Schema {
    Schema::parse(text, "/schema").unwrap()
}

fn check(schema: &Schema, document: &str, mut steps: u64) -> Verdict {
    let node = Node::document(document, "").unwrap();
    schema.check(&node, "", &mut steps)
}

/// Schema, a document that holds to it, one that does not, and what is said of that: where, and which keyword.
const TABLE: &str = r#"{"type":"object"} | {} | [] |  | type
{"properties":{"a":{"type":["null","integer"]}}} | {"a":1e2} | {"a":0.5} | /a | type
{"items":{"minimum":1.5}} | [1.5] | [1.49999999999999999999] | /0 | minimum
{"items":{"exclusiveMinimum":0}} | [1e-400] | [0] | /0 | exclusiveMinimum
{"items":{"maximum":1e300}} | [1e300] | [1e301] | /0 | maximum
{"items":{"exclusiveMaximum":18446744073709551615}} | [18446744073709551614] | [18446744073709551615.0] | /0 | exclusiveMaximum
{"items":{"multipleOf":0.1}} | [0.3,-1.7] | [0.3,0.35] | /1 | multipleOf
{"items":{"const":0.1}} | [0.10] | [0.1000000000000000055511151231257827] | /0 | const
{"items":{"const":{"a":[1]}}} | [{"a":[1.0]}] | [{"a":[1],"b":1}] | /0 | const
{"items":{"enum":[1,"a",null]}} | [1.0,"a",null] | [true] | /0 | enum
{"uniqueItems":true} | [1,"1",[1],{"a":1}] | [1,1.0] |  | uniqueItems
{"uniqueItems":true} | [{"a":1,"b":2},{"a":2,"b":1}] | [{"a":1,"b":2},{"b":2.0,"a":1}] |  | uniqueItems
{"items":{"minLength":2}} | ["🍵🍵"] | ["🍵"] | /0 | minLength
{"items":{"maxLength":1}} | ["🍵"] | ["🍵🍵"] | /0 | maxLength
{"items":{"pattern":"^\\d+$"}} | ["12"] | ["1x"] | /0 | pattern
{"items":{"format":"date"}} | ["2026-02-28"] | ["2026-02-30"] | /0 | format
{"items":{"format":"uuid"}} | ["0190a5a0-0000-7000-8000-000000000001"] | ["x"] | /0 | format
{"minItems":1} | [1] | [] |  | minItems
{"contains":{"const":1}} | [0,1] | [0] |  | contains
{"prefixItems":[{"type":"string"}],"items":false} | ["a"] | ["a",1] | /1 | false
{"minProperties":1} | {"a":1} | {} |  | minProperties
{"maxProperties":1} | {"a":1} | {"a":1,"b":2} |  | maxProperties
{"propertyNames":{"pattern":"^[a-z]+$"}} | {"a":1} | {"A":1} |  | propertyNames
{"patternProperties":{"^n_":{"type":"number"}}} | {"n_a":1,"x":"y"} | {"n_a":"1"} | /n_a | type
{"dependentRequired":{"a":["b"]}} | {"b":1} | {"a":1} | /b | required
{"anyOf":[{"required":["a"]},{"required":["b"]}]} | {"b":1} | {"c":1} |  | anyOf
{"oneOf":[{"required":["a"]},{"required":["b"]}]} | {"b":1} | {"a":1,"b":1} |  | oneOf
{"not":{"required":["a"]}} | {} | {"a":1} |  | not
{"if":{"required":["a"]},"then":{"required":["b"]}} | {"c":1} | {"a":1} | /b | required
{"allOf":[{"properties":{"a":true}}],"unevaluatedProperties":false} | {"a":1} | {"b":1} | /b | unevaluatedProperties"#;

#[test]
fn each_keyword_says_what_it_says() {
    for row in TABLE.lines() {
        let [text, good, bad, pointer, code] = row.split(" | ").collect::<Vec<_>>()[..] else {
            panic!("{row}");
        };
        let schema = read(text);
        assert_eq!(check(&schema, good, 10_000), Verdict::Holds, "{text} {good}");
        let Verdict::Broken(told) = check(&schema, bad, 10_000) else {
            panic!("{text} {bad}");
        };
        assert_eq!(
            (told[0].pointer.as_str(), told[0].code),
            (pointer, code),
            "{text} {bad} {told:?}"
        );
        // What was accepted before is read again.
        let kept = Schema::kept(schema.text().to_owned()).unwrap();
        assert_eq!(check(&kept, good, 10_000), Verdict::Holds);
    }
}

#[test]
fn a_number_that_no_double_holds_is_none_for_a_schema() {
    for (digits, is_held) in [
        ("0.1", true),
        ("9007199254740993", true),
        ("18446744073709551615", true),
        ("1e22", true),
        ("9007199254740993.5", false),
        ("18446744073709551617", false),
        ("0.1000000000000000055511151231257827", false),
        ("1e-400", false),
        ("1e400", false),
    ] {
        for text in [
            format!("{{\"minimum\":{digits}}}"),
            format!("{{\"enum\":[{{\"a\":[{digits}]}}]}}"),
        ] {
            assert_eq!(Schema::parse(&text, "").is_ok(), is_held, "{text}");
        }
        // Where nothing is compared it does not matter.
        assert!(
            Schema::parse(
                &format!("{{\"examples\":[{}]}}", digits.replace("e400", "e30")),
                ""
            )
            .is_ok()
        );
    }
}

#[test]
fn a_tree_is_checked_as_deep_as_it_is() {
    let tree = read(
        r##"{"type":"object","properties":{"n":{"type":"number"},"kids":{"type":"array","items":{"$ref":"#"}}},"required":["n"]}"##,
    );
    assert_eq!(
        check(&tree, r#"{"n":1,"kids":[{"n":2},{"n":3,"kids":[]}]}"#, 10_000),
        Verdict::Holds
    );
    let Verdict::Broken(told) = check(&tree, r#"{"n":1,"kids":[{"n":2},{"kids":[{}]}]}"#, 10_000) else {
        panic!("it does not hold");
    };
    let mut pointers: Vec<&str> = told.iter().map(|wrong| wrong.pointer.as_str()).collect();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/kids/1/kids/0/n", "/kids/1/n"]);
}

#[test]
fn a_check_ends_when_its_steps_do() {
    let each = format!(
        "{{\"items\":{{\"allOf\":[{}true]}}}}",
        "{\"minimum\":0},".repeat(200)
    );
    let items = format!("[{}1]", "1,".repeat(2_000));
    assert_eq!(check(&read(&each), &items, 100_000), Verdict::Unfinished);
    assert_eq!(check(&read(&each), &items, 10_000_000), Verdict::Holds);
    // Why a document does not hold is looked for in branches of branches of branches.
    let branch = r##"{"properties":{"a":{"$ref":"#"}},"required":["c"]}"##;
    let tree = format!(r#"{{"anyOf":[{branch},{branch},{branch},{branch},{{"required":["b"]}}]}}"#);
    let deep = format!("{}{{}}{}", "{\"a\":".repeat(15), "}".repeat(15));
    assert!(matches!(
        check(&read(&tree), &deep, 1_000_000),
        Verdict::Broken(_)
    ));
    // A long text, many items and many members cost as much as they are long.
    let long = read(r#"{"additionalProperties":{"pattern":"^x*$"}}"#);
    let text = format!("{{\"a\":\"{}\"}}", "x".repeat(200_000));
    assert_eq!(check(&long, &text, 1_000), Verdict::Unfinished);
    assert_eq!(check(&long, &text, 300_000), Verdict::Unfinished);
    assert_eq!(check(&long, &text, 5_000_000), Verdict::Holds);
    // So does what is done for the name of each member.
    let names: Vec<String> = (0..500).map(|name| format!("\"n{name}\"")).collect();
    let listed = read(&format!(
        "{{\"propertyNames\":{{\"enum\":[{}]}}}}",
        names.join(",")
    ));
    let members: Vec<String> = names.iter().map(|name| format!("{name}:1")).collect();
    let members = format!("{{{}}}", members.join(","));
    assert_eq!(check(&listed, &members, 100_000), Verdict::Unfinished);
    assert_eq!(check(&listed, &members, 1_000_000), Verdict::Holds);
    let many = read(r#"{"items":{"type":"integer"}}"#);
    let items = format!("[{}1]", "1,".repeat(100_000));
    assert_eq!(check(&many, &items, 100_000), Verdict::Unfinished);
    assert_eq!(check(&many, &items, 1_000_000), Verdict::Holds);
}

#[test]
fn what_is_told_is_bounded_and_true() {
    let schema = read(r#"{"items":{"type":"string","minLength":1}}"#);
    let items = format!("[\"a\",{}1]", "1,".repeat(100_000));
    let Verdict::Broken(told) = check(&schema, &items, 1_000_000) else {
        panic!("it does not hold");
    };
    assert_eq!(told.len(), FLAWS_MAX);
    assert!(
        told.iter()
            .all(|wrong| wrong.code == "type" && wrong.pointer != "/0"),
        "{told:?}"
    );
}
