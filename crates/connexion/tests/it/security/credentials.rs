//! Credentials: where each scheme reads them, and the challenges of a 401.

use connexion::{Api, Credentials, Document, Principal};

use super::{call, challenges, service, text, whoami};
use crate::support::build;

#[tokio::test]
async fn credentials_of_every_scheme_are_read() {
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
        let response = call(&service, query).headers(&[field]).send().await;
        assert_eq!(response.text(), "ann read", "{scheme}");
        let response = call(&service, "").send().await;
        let expected = (401, "Credentials are required.".to_owned());
        assert_eq!(response.problem(), expected, "{scheme}");
        assert_eq!(challenges(&response).len(), 1, "{scheme}");
    }
}

#[tokio::test]
async fn wrong_or_unreadable_credentials_return_401() {
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
        let response = call(&service, query).headers(fields).send().await;
        let expected = (401, "The credentials are not valid.".to_owned());
        assert_eq!(response.problem(), expected, "{scheme} {fields:?}");
    }
}

#[tokio::test]
async fn challenges_name_the_schemes() {
    let service = service("[{basic: []}, {bearer: []}, {oauth: [read]}, {header: []}]");
    let expected = [
        r#"ApiKey realm="A \"b\"""#,
        r#"Basic realm="A \"b\"", charset="UTF-8""#,
        r#"Bearer realm="A \"b\"""#,
    ];
    assert_eq!(challenges(&call(&service, "").send().await), expected);
    let response = call(&service, "")
        .header("authorization", "Bearer x")
        .send()
        .await;
    let expected = r#"Bearer realm="A \"b\"", error="invalid_token""#;
    assert_eq!(challenges(&response)[2], expected);
}

#[tokio::test]
async fn api_key_in_the_query_is_not_an_unknown_parameter() {
    let query = service("[{query: []}]");
    assert_eq!(call(&query, "?key=ann:a&n=1").send().await.status, 200);
    let header = service("[{header: []}]");
    let response = call(&header, "?key=1")
        .header("x-key", "ann:a")
        .send()
        .await;
    assert_eq!(response.status, 400);
}

#[test]
fn debug_output_hides_secrets() {
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
async fn invalid_token_challenge_is_for_wrong_tokens_only() {
    let service = service("[{basic: []}, {bearer: []}, {header: []}]");
    let bearer = r#"Bearer realm="A \"b\"""#;
    for field in [("x-key", "wrong"), ("authorization", "Basic !")] {
        let response = call(&service, "").headers(&[field]).send().await;
        assert_eq!(response.status, 401);
        assert_eq!(challenges(&response)[2], bearer, "{field:?}");
    }
}

#[tokio::test]
async fn malformed_token_is_not_passed_to_the_verifier() {
    let document = Document::parse("a.yaml", text("", "security: [{bearer: []}]")).unwrap();
    let verify_all = async |_, _| Ok(Some(Principal::new::<String>("all", [])));
    let api = Api::from_document(document).default_security(verify_all);
    let service = build(api.operation("a", whoami));
    for field in ["Bearer", "Bearer ", "Bearer a b"] {
        let response = call(&service, "")
            .header("authorization", field)
            .send()
            .await;
        assert_eq!(response.status, 401, "{field:?}");
    }
}

#[tokio::test]
async fn request_with_unreadable_credentials_is_not_anonymous() {
    let service = service("[{header: [], bearer: []}, {}]");
    for field in [
        ("x-key", "ann:a"),
        ("authorization", "Token ann:a"),
        ("authorization", "Bearer\tann:a"),
    ] {
        assert_eq!(
            call(&service, "").headers(&[field]).send().await.status,
            401,
            "{field:?}"
        );
    }
    let other = [("x-other", "1")];
    assert_eq!(
        call(&service, "").headers(&other).send().await.text(),
        "anonymous"
    );
}
