//! Credentials: where each scheme reads them, and the challenges of a 401.

use connexion::{Api, Credentials, Document, Principal};

use super::{ask, challenges, service, text, whoami};
use crate::support::build;

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
async fn a_key_in_the_query_is_no_unknown_parameter() {
    let query = service("[{query: []}]");
    assert_eq!(ask(&query, "?key=ann:a&n=1", &[]).await.status, 200);
    let header = service("[{header: []}]");
    let answer = ask(&header, "?key=1", &[("x-key", "ann:a")]).await;
    assert_eq!(answer.status, 400);
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
