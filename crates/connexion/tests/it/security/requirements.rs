//! Who is let in: every kind of scheme, AND, OR and optional, and what is told to those who are not.

use std::{
    future::ready,
    sync::{Arc, Mutex},
};

use axum::body::Body;
use connexion::{
    Api, ApiService, AuthContext, Credentials, Document, OperationId, Principal, Principals,
    Problem,
};
use http::StatusCode;

use crate::support::{Answer, build, send};

const SCHEMES: &str = "
components:
  securitySchemes:
    header: {type: apiKey, in: header, name: X-Key}
    query: {type: apiKey, in: query, name: key}
    cookie: {type: apiKey, in: cookie, name: key}
    basic: {type: http, scheme: Basic}
    bearer: {type: http, scheme: bearer}
    digest: {type: http, scheme: Digest}
    oauth: {type: oauth2, flows: {}}
    oidc: {type: openIdConnect, openIdConnectUrl: 'https://a.example'}
";

/// Good credentials name a user and the scopes: `ann:read,write`.
async fn verify(credentials: Credentials, _: AuthContext) -> Result<Option<Principal>, Problem> {
    let text = match credentials {
        Credentials::ApiKey(text) | Credentials::Token(text) => text,
        Credentials::Basic { user, password } => format!("{user}:{password}"),
        _ => return Ok(None),
    };
    match text.split_once(':') {
        Some(("down", _)) => {
            let detail = "Nobody can tell now.";
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail))
        }
        Some((name, scopes)) => Ok(Some(Principal::new(name, scopes.split(',')))),
        None => Ok(None),
    }
}

async fn whoami(principal: Option<Principal>) -> String {
    principal.map_or("nobody".to_owned(), |principal| {
        let scopes: Vec<_> = principal.scopes.into_iter().collect();
        format!("{} {}", principal.name, scopes.join(","))
    })
}

fn text(root: &str, security: &str) -> String {
    format!(
        "openapi: 3.1.0\ninfo: {{title: 'A \"b\"', version: '1'}}\n{root}\npaths:\n  /a:\n    post:\n      \
         operationId: a\n      {security}\n      parameters: [{{name: n, in: query, schema: {{type: integer}}}}]\n      \
         requestBody: {{content: {{application/json: {{schema: {{type: object}}}}}}}}\n      \
         responses: {{'200': {{description: d}}}}{SCHEMES}"
    )
}

/// A service whose one operation has this `security`.
fn service(security: &str) -> ApiService {
    let document = Document::parse("a.yaml", text("", &format!("security: {security}")));
    let api = Api::from_document(document.unwrap_or_else(|faults| panic!("{faults}")));
    build(api.default_security(verify).operation("a", whoami))
}

async fn ask(service: &ApiService, query: &str, fields: &[(&str, &str)]) -> Answer {
    send(service, &format!("POST /a{query}"), fields, Body::empty()).await
}

fn challenges(answer: &Answer) -> Vec<&str> {
    let all = answer.headers.get_all("www-authenticate").iter();
    all.map(|value| value.to_str().unwrap()).collect()
}

#[tokio::test]
async fn every_kind_of_scheme_finds_its_credentials() {
    let basic = ("authorization", "basic YW5uOnJlYWQ=");
    let bearer = ("authorization", "BEARER ann:read");
    for (scheme, query, field) in [
        ("header", "", ("x-key", "ann:read")),
        ("query", "?key=ann%3Aread", ("x-other", "1")),
        ("cookie", "", ("cookie", "a=b; key=ann:read")),
        ("basic", "", basic),
        ("bearer", "", bearer),
        ("oauth", "", bearer),
        ("oidc", "", bearer),
        ("digest", "", ("authorization", "Digest ann:read")),
    ] {
        let service = service(&format!("[{{{scheme}: []}}]"));
        let answer = ask(&service, query, &[field]).await;
        assert_eq!(answer.text(), "ann read", "{scheme}");
        let answer = ask(&service, "", &[]).await;
        let expected = (401, "Credentials are required.".to_owned());
        assert_eq!(answer.problem(), expected, "{scheme}");
        assert_eq!(challenges(&answer).len(), 1, "{scheme}");
    }
}

#[tokio::test]
async fn credentials_that_are_wrong_or_unreadable_are_401() {
    for (scheme, query, fields) in [
        ("header", "", &[("x-key", "wrong")][..]),
        ("header", "", &[("x-key", "ann:a"), ("x-key", "bob:a")]),
        ("header", "", &[("x-key", "é:a")]),
        ("query", "?key=ann:a&key=bob:a", &[]),
        ("basic", "", &[("authorization", "Basic !")]),
        ("basic", "", &[("authorization", "Basic")]),
        ("basic", "", &[("authorization", "Basic YW5u")]),
        ("bearer", "", &[("authorization", "Bearer x")]),
        (
            "bearer",
            "",
            &[
                ("authorization", "Bearer ann:a"),
                ("authorization", "Bearer bob:a"),
            ],
        ),
    ] {
        let service = service(&format!("[{{{scheme}: []}}]"));
        let answer = ask(&service, query, fields).await;
        let expected = (401, "The credentials are not valid.".to_owned());
        assert_eq!(answer.problem(), expected, "{scheme} {fields:?}");
    }
}

#[tokio::test]
async fn challenges_say_what_to_send() {
    let service = service("[{basic: []}, {bearer: []}, {oauth: [read]}, {header: []}]");
    let expected = [
        r#"ApiKey realm="A \"b\"""#,
        r#"Basic realm="A \"b\"", charset="UTF-8""#,
        r#"Bearer realm="A \"b\"""#,
    ];
    assert_eq!(challenges(&ask(&service, "", &[]).await), expected);
    let answer = ask(&service, "", &[("authorization", "Bearer x")]).await;
    let expected = r#"Bearer realm="A \"b\"", error="invalid_token""#;
    assert_eq!(challenges(&answer)[2], expected);
}

#[tokio::test]
async fn missing_scopes_are_403() {
    let service = service("[{oauth: [read, write]}]");
    let answer = ask(&service, "", &[("authorization", "Bearer ann:read,x")]).await;
    let expected = (403, "The scope 'write' is required.".to_owned());
    assert_eq!(answer.problem(), expected);
    let expected = r#"Bearer realm="A \"b\"", error="insufficient_scope", scope="write""#;
    assert_eq!(challenges(&answer), [expected]);
    let answer = ask(&service, "", &[("authorization", "Bearer ann:read,write")]).await;
    assert_eq!(answer.text(), "ann read,write");
}

#[tokio::test]
async fn requirements_are_joined_by_and_and_or() {
    let service = service("[{header: [a], bearer: [b]}, {query: [c]}]");
    let key = ("x-key", "ann:a");
    for (query, fields, expected) in [
        ("", &[key][..], "401"),
        ("", &[("authorization", "Bearer bob:b")], "401"),
        ("", &[key, ("authorization", "Bearer bob:b")], "ann a,b"),
        ("", &[key, ("authorization", "Bearer bob:x")], "403"),
        ("?key=eve:c", &[], "eve c"),
        ("?key=eve:c", &[("x-key", "wrong")], "eve c"),
        ("?key=eve:x", &[], "403"),
        ("?key=down:", &[], "503"),
    ] {
        let answer = ask(&service, query, fields).await;
        let outcome = match answer.status.as_u16() {
            200 => answer.text(),
            status => status.to_string(),
        };
        assert_eq!(outcome, expected, "{query} {fields:?}");
    }
}

#[tokio::test]
async fn optional_credentials_must_be_right_if_there_are_some() {
    for security in ["[{}, {header: []}]", "[{header: []}, {}]"] {
        let service = service(security);
        assert_eq!(ask(&service, "", &[]).await.text(), "nobody");
        let answer = ask(&service, "", &[("x-key", "ann:a")]).await;
        assert_eq!(answer.text(), "ann a");
        let answer = ask(&service, "", &[("x-key", "wrong")]).await;
        assert_eq!(answer.status, 401);
    }
}

#[tokio::test]
async fn an_operation_replaces_what_the_document_requires() {
    for (own, status) in [
        ("", 401),
        ("security: []", 200),
        ("security: [{bearer: []}]", 401),
    ] {
        let document = Document::parse("a.yaml", text("security: [{header: []}]", own)).unwrap();
        let api = Api::from_document(document).default_security(verify);
        let service = build(api.operation("a", whoami));
        assert_eq!(ask(&service, "", &[]).await.status, status, "{own}");
    }
}

#[tokio::test]
async fn credentials_are_looked_at_before_anything_else() {
    let service = service("[{header: []}]");
    let fields = [("content-type", "text/plain")];
    // A body that breaks off would be a 400.
    let broken = futures_util::stream::once(async { Err::<Vec<u8>, _>("broken") });
    let answer = send(
        &service,
        "POST /a?n=x&z=1",
        &fields,
        Body::from_stream(broken),
    )
    .await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn a_key_in_the_query_is_no_unknown_parameter() {
    let query = service("[{query: []}]");
    assert_eq!(ask(&query, "?key=ann:a&n=1", &[]).await.status, 200);
    let header = service("[{header: []}]");
    let answer = ask(&header, "?key=1", &[("x-key", "ann:a")]).await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn the_document_can_be_put_behind_a_requirement() {
    let document = Document::parse("a.yaml", text("", "security: []")).unwrap();
    let api = Api::from_document(document)
        .default_security(verify)
        .docs_security("header", &["docs"])
        .serve_document(true);
    let service = build(api.operation("a", whoami));
    for (key, status) in [("wrong", 401), ("ann:a", 403), ("ann:docs", 200)] {
        let fields = [("x-key", key)];
        let answer = send(&service, "GET /openapi.json", &fields, Body::empty()).await;
        assert_eq!(answer.status, status, "{key}");
    }
    assert_eq!(ask(&service, "", &[]).await.status, 200);
}

#[tokio::test]
async fn a_handler_that_needs_a_principal_of_an_open_operation_is_a_500() {
    let document = Document::parse("a.yaml", text("", "security: []")).unwrap();
    let api = Api::from_document(document).default_security(verify);
    let needs = async |principal: Principal| principal.name;
    let service = build(api.operation("a", needs));
    assert_eq!(ask(&service, "", &[]).await.status, 500);
}

#[test]
fn secrets_are_not_printed() {
    let password = "secret".to_owned();
    let user = "ann".to_owned();
    let all = [
        Credentials::ApiKey(password.clone()),
        Credentials::Token(password.clone()),
        Credentials::Basic { user, password },
    ];
    assert_eq!(format!("{all:?}"), "[ApiKey(…), Token(…), Basic(…)]");
}

#[test]
fn what_does_not_fit_together_is_a_fault() {
    let text = "openapi: 3.1.0
info: {title: T, version: '1'}
security: [{none: []}, x, {a: 1}, {c: []}]
paths: {}
components:
  securitySchemes:
    a: {type: http, scheme: basic}
    b: {type: apiKey, in: body, name: k}
    c: {type: mutualTLS}
    d: {type: http}
    e: {type: apiKey, in: header, name: 'a b'}
    f: {scheme: basic}
";
    let document = Document::parse("a.yaml", text).unwrap();
    let api = Api::<()>::from_document(document)
        .docs_security("y", &[])
        .security("z", verify);
    let expected = "\
a.yaml:3:13: there is no security scheme `none`; declare it
a.yaml:3:24: a security requirement must be an object: the name of a scheme, and a list of scopes
a.yaml:3:28: the scopes of `a` must be a list of texts
a.yaml:4:1: the docs require `y`, but there is no such security scheme
a.yaml:4:1: there is a verifier for `z`, but no such security scheme
a.yaml:7:5: the security scheme `a` has no verifier
a.yaml:8:5: `in: body` of a key is unknown: write header, query or cookie
a.yaml:9:5: security schemes of the type `mutualTLS` are not supported
a.yaml:10:5: the security scheme has no `scheme`
a.yaml:11:5: `a b` can't be the name of a header
a.yaml:12:5: the security scheme has no `type`";
    assert_eq!(api.build(()).unwrap_err().to_string(), expected);
}

#[tokio::test]
async fn swagger_2_says_the_same() {
    let text = "swagger: '2.0'
info: {title: T, version: '1'}
security: [{b: []}, {k: []}]
securityDefinitions:
  b: {type: basic}
  k: {type: apiKey, in: query, name: key}
  o: {type: oauth2, flow: implicit, authorizationUrl: 'https://a.example', scopes: {read: reads}}
paths:
  /a:
    post: {operationId: a, responses: {'200': {description: d}}}
    get: {operationId: b, security: [{o: [read]}], responses: {'200': {description: d}}}
";
    let document = Document::parse("a.yaml", text).unwrap();
    let id = async |id: OperationId| id.as_str().to_owned();
    let api = Api::from_document(document).default_security(verify);
    let service = build(api.operation("a", whoami).fallback(id));
    assert_eq!(ask(&service, "", &[]).await.status, 401);
    assert_eq!(ask(&service, "?key=ann:x", &[]).await.text(), "ann x");
    let fields = [("authorization", "Basic YW5uOnJlYWQ=")];
    assert_eq!(ask(&service, "", &fields).await.text(), "ann read");
    for (token, status) in [("Bearer ann:read", 200), ("Bearer ann:x", 403)] {
        let fields = [("authorization", token)];
        let answer = send(&service, "GET /a", &fields, Body::empty()).await;
        assert_eq!(answer.status, status);
    }
}

#[tokio::test]
async fn only_a_wrong_token_is_called_invalid_token() {
    let service = service("[{basic: []}, {bearer: []}, {header: []}]");
    let bearer = r#"Bearer realm="A \"b\"""#;
    for field in [("x-key", "wrong"), ("authorization", "Basic !")] {
        let answer = ask(&service, "", &[field]).await;
        assert_eq!(answer.status, 401);
        assert_eq!(challenges(&answer)[2], bearer, "{field:?}");
    }
}

#[tokio::test]
async fn what_is_no_token_does_not_reach_the_verifier() {
    let document = Document::parse("a.yaml", text("", "security: [{bearer: []}]")).unwrap();
    let everybody = async |_, _| Ok(Some(Principal::new::<String>("all", [])));
    let api = Api::from_document(document).default_security(everybody);
    let service = build(api.operation("a", whoami));
    for field in ["Bearer", "Bearer ", "Bearer a b"] {
        let answer = ask(&service, "", &[("authorization", field)]).await;
        assert_eq!(answer.status, 401, "{field:?}");
    }
}

#[tokio::test]
async fn a_verifier_that_cannot_tell_does_not_keep_another_from_it() {
    let service = service("[{header: []}, {query: [a]}]");
    let down = [("x-key", "down:")];
    assert_eq!(ask(&service, "?key=ann:a", &down).await.text(), "ann a");
    for query in ["", "?key=wrong", "?key=ann:x"] {
        assert_eq!(ask(&service, query, &down).await.status, 503, "{query}");
    }
}

#[tokio::test]
async fn whoever_shows_something_is_not_taken_for_nobody() {
    let service = service("[{header: [], bearer: []}, {}]");
    for field in [
        ("x-key", "ann:a"),
        ("authorization", "Token ann:a"),
        ("authorization", "Bearer\tann:a"),
    ] {
        assert_eq!(ask(&service, "", &[field]).await.status, 401, "{field:?}");
    }
    let other = [("x-other", "1")];
    assert_eq!(ask(&service, "", &other).await.text(), "nobody");
}

#[tokio::test]
async fn refusals_pass_through_the_problem_hook() {
    let document = Document::parse("a.yaml", text("", "security: [{header: [a]}]")).unwrap();
    let api = Api::from_document(document).default_security(verify);
    let api = api.on_problem(|problem, _| problem.detail = "told anew".into());
    let service = build(api.operation("a", whoami));
    for (key, status) in [("wrong", 401), ("ann:b", 403), ("down:", 503)] {
        let answer = ask(&service, "", &[("x-key", key)]).await;
        assert_eq!(answer.problem(), (status, "told anew".to_owned()));
    }
}

#[cfg(feature = "swagger-ui")]
#[tokio::test]
async fn everything_of_the_docs_is_behind_their_requirement() {
    let document = Document::parse("a.yaml", text("", "security: []")).unwrap();
    let api = Api::from_document(document).default_security(verify);
    let api = api.docs_security("header", &[]).swagger_ui(true);
    let service = build(api.operation("a", whoami));
    for line in [
        "GET /openapi.json",
        "GET /openapi.yaml",
        "HEAD /openapi.json",
        "GET /ui",
        "GET /ui/",
        "GET /ui/start.js",
    ] {
        let fields = [("if-none-match", "*")];
        let answer = send(&service, line, &fields, Body::empty()).await;
        assert_eq!(answer.status, 401, "{line}");
        let answer = send(&service, line, &[("x-key", "ann:")], Body::empty()).await;
        assert_ne!(answer.status, 401, "{line}");
    }
}

/// The same requirements in each way that a document can declare them.
const DOCUMENTS: [&str; 5] = [
    // Of each operation, in flow style.
    "openapi: 3.1.0
info: {title: a, version: '1'}
paths:
  /a:
    get: {operationId: a.get, security: [{key: [read]}, {login: [read]}], responses: {'200': {description: d}}}
    put: {operationId: a.put, security: [{key: [write]}, {login: [write]}], responses: {'200': {description: d}}}
  /b:
    get: {operationId: b.get, security: [], responses: {'200': {description: d}}}
components:
  securitySchemes:
    key: {type: apiKey, in: header, name: X-Key}
    login: {type: oauth2, flows: {}}
",
    // In block style, of the document as a whole, with an alias, in another order and with comments.
    "# who
security: &read
  - key:
      - read   # only
  -
    login:
    - \"read\"
components: {securitySchemes: {login: {type: http, scheme: bearer}, key: {type: apiKey, in: header, name: X-Key}}}
paths:
  /b:
    get: {operationId: b.get, 'security': [ ], responses: {'200': {description: d}}}
  /a:
    get: {responses: {'200': {description: d}}, operationId: a.get, security: *read}
    put:
      operationId: a.put
      responses: {'200': {description: d}}
      security: [ { key : [write] }, {login: [write]} ]
info: {title: a, version: '1'}
openapi: 3.0.3
",
    // JSON.
    r#"{"openapi":"3.1.0","info":{"title":"a","version":"1"},"security":[{"key":["read"]},{"login":["read"]}],
    "paths":{"/a":{"get":{"operationId":"a.get","responses":{"200":{"description":"d"}}},
    "put":{"operationId":"a.put","security":[{"key":["write"]},{"login":["write"]}],"responses":{"200":{"description":"d"}}}},
    "/b":{"get":{"operationId":"b.get","security":[],"responses":{"200":{"description":"d"}}}}},
    "components":{"securitySchemes":{"key":{"type":"apiKey","in":"header","name":"X-Key"},
    "login":{"type":"http","scheme":"bearer"}}}}"#,
    // Swagger 2.0.
    "swagger: '2.0'
info: {title: a, version: '1'}
security: [{key: [read]}, {login: [read]}]
paths:
  /a:
    get: {operationId: a.get, responses: {200: {description: d}}}
    put: {operationId: a.put, security: [{key: [write]}, {login: [write]}], responses: {200: {description: d}}}
  /b:
    get: {operationId: b.get, security: [], responses: {200: {description: d}}}
securityDefinitions:
  key: {type: apiKey, in: header, name: X-Key}
  login: {type: oauth2, flow: implicit, authorizationUrl: 'https://a.example', scopes: {read: r, write: w}}
",
    // Path items by reference, one of them twice.
    "openapi: 3.1.0
info: {title: a, version: '1'}
paths:
  /a: {$ref: '#/components/pathItems/A'}
  /b:
    get: {operationId: b.get, security: [], responses: {'200': {description: d}}}
components:
  pathItems:
    A:
      get: {operationId: a.get, security: [{key: [read]}, {login: [read]}], responses: {'200': {description: d}}}
      put: {operationId: a.put, security: [{key: [write]}, {login: [write]}], responses: {'200': {description: d}}}
  securitySchemes:
    key: {type: apiKey, in: header, name: X-Key}
    login: {type: http, scheme: bearer}
",
];

/// What requests to `GET /a`, `PUT /a` and `GET /b` get without credentials, and with a key and a token to read with.
async fn statuses(document: Document) -> [[u16; 3]; 3] {
    let api = Api::from_document(document)
        .default_security(verify)
        .fallback(async || "");
    let service = build(api);
    let mut statuses = [[0; 3]; 3];
    let credentials = [
        None,
        Some(("x-key", "ann:read")),
        Some(("authorization", "Bearer ann:read")),
    ];
    for (row, (method, path)) in [("GET", "/a"), ("PUT", "/a"), ("GET", "/b")]
        .iter()
        .enumerate()
    {
        for (column, shown) in credentials.iter().enumerate() {
            let mut request = http::Request::builder().method(*method).uri(*path);
            if let Some((name, value)) = shown {
                request = request.header(*name, *value);
            }
            let answer = service.handle(request.body(Body::empty()).unwrap()).await;
            statuses[row][column] = answer.status().as_u16();
        }
    }
    statuses
}

#[tokio::test]
async fn edited_security_is_enforced_and_served_whatever_the_spelling() {
    for text in DOCUMENTS {
        let document = Document::parse("a.yaml", text).unwrap();
        let mut edits: Vec<(Document, [[u16; 3]; 3])> = Vec::new();
        let mut edit = |change: fn(&mut connexion::OperationSecurity<'_>), expected| {
            let mut edited = document.clone();
            edited.edit_security(change);
            edits.push((edited, expected));
        };
        edit(|_| {}, [[401, 200, 200], [401, 403, 403], [200; 3]]);
        edit(
            |operation| {
                operation.open();
            },
            [[200; 3]; 3],
        );
        edit(
            |operation| {
                operation.retain(|one| !one.takes_token());
            },
            [[401, 200, 401], [401, 403, 401], [200; 3]],
        );
        edit(
            |operation| {
                let reads = |one: &connexion::SecurityRequirement| one.scopes().eq(["read"]);
                if operation.requirements().iter().all(reads) {
                    operation.open();
                }
            },
            [[200; 3], [401, 403, 403], [200; 3]],
        );
        // What would leave nothing changes nothing.
        edit(
            |operation| assert!(!operation.retain(|_| false)),
            [[401, 200, 200], [401, 403, 403], [200; 3]],
        );
        for (edited, expected) in edits {
            // What is served says the same.
            for served in [edited.text().to_owned(), edited.to_json()] {
                let served = Document::parse("a.yaml", served).unwrap();
                assert_eq!(served.to_json(), edited.to_json());
                assert_eq!(statuses(served).await, expected, "{}", edited.text());
            }
            assert_eq!(statuses(edited).await, expected, "{text}");
        }
    }
}

#[test]
fn what_is_not_edited_is_served_as_it_was_written() {
    for text in DOCUMENTS {
        let mut document = Document::parse("a.yaml", text).unwrap();
        document.edit_security(|operation| {
            operation.retain(|_| true);
        });
        assert_eq!(document.text(), text);
    }
}

#[test]
fn an_operation_that_declares_nothing_is_told_from_an_open_one() {
    let text = "openapi: 3.1.0\ninfo: {title: a, version: '1'}\npaths:\n  /a:\n    \
        get: {responses: {'200': {description: d}}}\n    \
        put: {security: [], responses: {'200': {description: d}}}\n    \
        post: {security: [{}], responses: {'200': {description: d}}}\n";
    let mut document = Document::parse("a.yaml", text).unwrap();
    let mut seen = Vec::new();
    document.edit_security(|operation| {
        assert_eq!(operation.path(), "/a");
        assert!(
            operation
                .id()
                .starts_with(&operation.method().as_str().to_lowercase())
        );
        seen.push((
            operation.id().to_owned(),
            operation.is_declared(),
            operation.requirements().len(),
        ));
    });
    let expected = [
        ("get /a", false, 0),
        ("put /a", true, 0),
        ("post /a", true, 1),
    ];
    assert!(
        seen.iter()
            .map(|(id, declared, n)| (id.as_str(), *declared, *n))
            .eq(expected)
    );
}

/// A service that requires a client's key and a user's token together, or the token with another scope.
fn watched(seen: &Arc<Mutex<Vec<String>>>) -> ApiService {
    let document = text(
        "",
        "security: [{header: [], bearer: [read]}, {bearer: [admin]}]",
    );
    let seen = Arc::clone(seen);
    let verify = move |credentials: Credentials, context: AuthContext| {
        seen.lock().unwrap().push(format!(
            "{} {} {} {:?} {}",
            context.operation_id().unwrap_or("none"),
            context.head().uri,
            context.scheme(),
            context.scopes(),
            context.head().headers["x-trace"].to_str().unwrap()
        ));
        let principal = match credentials {
            Credentials::ApiKey(key) => Principal::new(key, ["c"]).with_claims(Tenant(7)),
            Credentials::Token(token) => Principal::new(token, ["read"]).with_claims("claims"),
            _ => return ready(Ok(None)),
        };
        ready(Ok(Some(principal)))
    };
    let api = Api::from_document(Document::parse("a.yaml", document).unwrap());
    let handler = async |principals: Principals, joined: Principal| {
        let (client, user) = (principals.get("header"), principals.get("bearer"));
        let tenant = client
            .and_then(Principal::claims::<Tenant>)
            .map(|one| one.0);
        let claims = user.and_then(Principal::claims::<&str>);
        let schemes: Vec<_> = principals.iter().map(|(scheme, _)| scheme).collect();
        let scopes: Vec<_> = joined.scopes.iter().map(String::as_str).collect();
        format!(
            "{schemes:?} {tenant:?} {claims:?} {} {scopes:?}",
            joined.name
        )
    };
    build(api.default_security(verify).operation("a", handler))
}

struct Tenant(u8);

#[tokio::test]
async fn a_verifier_sees_the_request_and_the_required_scopes() {
    let seen = Arc::default();
    let service = watched(&seen);
    let fields = [("authorization", "Bearer ann"), ("x-trace", "5")];
    let _ = ask(&service, "", &fields).await;
    let expected = ["a /a bearer [\"read\"] 5", "a /a bearer [\"admin\"] 5"];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[tokio::test]
async fn each_scheme_that_is_required_has_a_principal_with_its_claims() {
    let service = watched(&Arc::default());
    let fields = [
        ("authorization", "Bearer ann"),
        ("x-key", "shop"),
        ("x-trace", "5"),
    ];
    let answer = ask(&service, "", &fields).await;
    let expected = r#"["header", "bearer"] Some(7) Some("claims") shop ["c", "read"]"#;
    assert_eq!(answer.text(), expected);
}

#[tokio::test]
async fn a_function_of_the_application_decides_about_scopes() {
    let document = text("", "security: [{header: [people:read, people:write]}]");
    let document = Document::parse("a.yaml", document).unwrap();
    let api = Api::from_document(document).default_security(verify);
    // One of them is enough, and one without a colon includes all below it.
    let api = api.scope_check(|principal, required| {
        required.iter().any(|one| {
            let (all, _) = one.split_once(':').unwrap();
            principal.scopes.contains(one) || principal.scopes.contains(all)
        })
    });
    let service = build(api.operation("a", whoami));
    for (key, status) in [("ann:people", 200), ("ann:x", 403)] {
        assert_eq!(
            ask(&service, "", &[("x-key", key)]).await.status,
            status,
            "{key}"
        );
    }
    // `verify` splits at the first colon.
    let one = ask(&service, "", &[("x-key", "ann:people:write")]).await;
    assert_eq!(one.status, 200);
}

/// As Python's connexion has it under this name.
#[tokio::test]
async fn paths_that_are_not_in_the_document_can_require_credentials() {
    let document = text("security: [{header: [read]}]", "security: []");
    let document = Document::parse("a.yaml", document).unwrap();
    let api = Api::from_document(document).default_security(verify);
    let api = api.auth_all_paths(true).serve_document(true);
    let service = build(api.operation("a", whoami));
    for (line, key, status) in [
        ("GET /none", "", 401),
        ("GET /none", "wrong", 401),
        ("GET /none", "ann:x", 403),
        ("GET /none", "ann:read", 404),
        ("PUT /a", "", 401),
        ("PUT /a", "ann:read", 405),
        ("OPTIONS /a", "", 401),
        ("OPTIONS /a", "ann:read", 200),
        ("POST /a", "", 200),
        ("GET /openapi.json", "", 200),
    ] {
        let answer = send(&service, line, &[("x-key", key)], Body::empty()).await;
        assert_eq!(answer.status, status, "{line} {key}");
    }
}

#[test]
fn all_paths_can_require_only_what_the_document_requires() {
    let document = Document::parse("a.yaml", text("", "security: []")).unwrap();
    let api = Api::<()>::from_document(document)
        .default_security(verify)
        .stub(true);
    let faults = api.auth_all_paths(true).build(()).unwrap_err().to_string();
    assert!(
        faults.contains("the document has no `security` beside `paths`"),
        "{faults}"
    );
}
