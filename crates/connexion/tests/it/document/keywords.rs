//! Misspelt and unknown keywords and fields.

use connexion::{Document, Severity};

/// Returns the diagnostics of a document, one a line.
fn report(text: &str) -> String {
    let document =
        Document::parse("a.yaml", text).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    let lines = document
        .check()
        .into_iter()
        .map(|diagnostic| diagnostic.to_string());
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn misspelt_keyword_is_a_warning_with_a_suggestion() {
    let text = "\
openapi: 3.1.0
info: {title: T, version: '1', contact: {nmae: n}, license: {identifer: n}}
tags: [{name: a, externalDoc: {url: u}}]
paths: {}
components:
  securitySchemes:
    key: {type: apiKey, in: header, name: k, desciption: d}
  schemas:
    A:
      type: object
      propertys: {a: {}}
      properties:
        minimun: {type: integer, minimun: 1}
        b: {items: {minLenght: 1}, xml: {wraped: true}}
      x-minimun: 1
      example: {minimun: 1}
";
    let expected = "\
a.yaml:2:42: warning: `nmae` is unknown and ignored; `name` is probably meant
a.yaml:2:62: warning: `identifer` is unknown and ignored; `identifier` is probably meant
a.yaml:3:18: warning: `externalDoc` is unknown and ignored; `externalDocs` is probably meant
a.yaml:7:46: warning: `desciption` is unknown and ignored; `description` is probably meant
a.yaml:11:7: warning: `propertys` is unknown and ignored; `properties` is probably meant
a.yaml:13:34: warning: `minimun` is unknown and ignored; `minimum` is probably meant
a.yaml:14:21: warning: `minLenght` is unknown and ignored; `minLength` is probably meant
a.yaml:14:42: warning: `wraped` is unknown and ignored; `wrapped` is probably meant";
    assert_eq!(report(text), expected);
}

#[test]
fn misspelt_keyword_is_reported_in_swagger_2() {
    let text = "\
swagger: '2.0'
info: {title: T, version: '1'}
paths:
  /a:
    get:
      operationId: a
      parameters: [{name: n, in: query, type: integer, maximun: 5}]
      responses: {200: {description: d, schema: {type: string, patern: a}}}
definitions: {A: {minimun: 1}}
";
    let report = report(text);
    for expected in [
        "a.yaml:7:56: warning: `maximun` is unknown and ignored; `maximum` is probably meant",
        "a.yaml:8:64: warning: `patern` is unknown and ignored; `pattern` is probably meant",
        "a.yaml:9:19: warning: `minimun` is unknown and ignored; `minimum` is probably meant",
    ] {
        assert!(report.contains(expected), "{expected}\n{report}");
    }
}

#[test]
fn unknown_field_is_an_error_only_if_requests_could_be_misread() {
    for (member, expected) in [
        ("requestbody: {}", Severity::Error),
        ("paramters: []", Severity::Error),
        ("requestBodies: {}", Severity::Error),
        ("schema: {}", Severity::Error),
        ("summmary: s", Severity::Warning),
        ("consumes: [a/b]", Severity::Warning),
        ("group: g", Severity::Warning),
    ] {
        let text = format!(
            "openapi: 3.1.0\ninfo: {{title: T, version: '1'}}\npaths:\n  /a:\n    get:\n      operationId: a\n      {member}\n"
        );
        let diagnostics = Document::parse("a.yaml", text).unwrap().check();
        let severities: Vec<_> = diagnostics
            .iter()
            .map(connexion::Diagnostic::severity)
            .collect();
        assert_eq!(severities, [expected], "{member}");
    }
}

#[test]
fn error_in_an_unused_part_is_a_warning() {
    let text = "\
openapi: 3.1.0
info: {title: 5, version: '1'}
paths:
  /a:
    get:
      operationId: a
      deprecated: 'yes'
      responses:
        default:
          description: d
          content: {application/json: {schema: {}, examples: [1]}}
          links: {a: {operationID: a}, b: 5}
      callbacks: {a: 5}
webhooks: {a: {pots: {}}}
";
    let diagnostics = Document::parse("a.yaml", text).unwrap().check();
    assert_eq!(diagnostics.len(), 7, "{diagnostics:#?}");
    assert!(
        diagnostics
            .iter()
            .all(|diagnostic| diagnostic.severity() == Severity::Warning)
    );
}
