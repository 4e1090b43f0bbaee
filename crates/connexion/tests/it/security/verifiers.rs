//! Verifiers: their context, principals, scopes and errors.

use std::{
    future::ready,
    sync::{Arc, Mutex},
};

use connexion::{Api, ApiService, AuthContext, Credentials, Document, Principal, Principals};

use super::{call, challenges, service, text, verify, whoami};
use crate::support::build;

#[tokio::test]
async fn missing_scope_returns_403() {
    let service = service("[{oauth: [read, write]}]");
    let response = call(&service, "")
        .header("authorization", "Bearer ann:read,x")
        .send()
        .await;
    let expected = (403, "The scope 'write' is required.".to_owned());
    assert_eq!(response.problem(), expected);
    let expected = r#"Bearer realm="A \"b\"", error="insufficient_scope", scope="write""#;
    assert_eq!(challenges(&response), [expected]);
    let response = call(&service, "")
        .header("authorization", "Bearer ann:read,write")
        .send()
        .await;
    assert_eq!(response.text(), "ann read,write");
}

#[tokio::test]
async fn handler_with_a_principal_for_an_open_operation_returns_500() {
    let document = Document::parse("a.yaml", text("", "security: []")).unwrap();
    let api = Api::from_document(document).default_security(verify);
    let needs = async |principal: Principal| principal.name;
    let service = build(api.operation("a", needs));
    assert_eq!(call(&service, "").send().await.status, 500);
}

#[tokio::test]
async fn failing_verifier_does_not_prevent_another_requirement() {
    let service = service("[{header: []}, {query: [a]}]");
    let down = [("x-key", "down:")];
    assert_eq!(
        call(&service, "?key=ann:a")
            .headers(&down)
            .send()
            .await
            .text(),
        "ann a"
    );
    for query in ["", "?key=wrong", "?key=ann:x"] {
        assert_eq!(
            call(&service, query).headers(&down).send().await.status,
            503,
            "{query}"
        );
    }
}

#[tokio::test]
async fn problem_hook_receives_security_problems() {
    let document = Document::parse("a.yaml", text("", "security: [{header: [a]}]")).unwrap();
    let api = Api::from_document(document).default_security(verify);
    let api = api.on_problem(|problem, _| problem.detail = "new detail".into());
    let service = build(api.operation("a", whoami));
    for (key, status) in [("wrong", 401), ("ann:b", 403), ("down:", 503)] {
        let response = call(&service, "").header("x-key", key).send().await;
        assert_eq!(response.problem(), (status, "new detail".to_owned()));
    }
}

/// Builds a service that requires a key and a token together, or the token with another scope.
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
async fn verifier_receives_the_request_and_the_required_scopes() {
    let seen = Arc::default();
    let service = watched(&seen);
    let fields = [("authorization", "Bearer ann"), ("x-trace", "5")];
    let _ = call(&service, "").headers(&fields).send().await;
    let expected = ["a /a bearer [\"read\"] 5", "a /a bearer [\"admin\"] 5"];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[tokio::test]
async fn every_required_scheme_has_a_principal_with_its_claims() {
    let service = watched(&Arc::default());
    let fields = [
        ("authorization", "Bearer ann"),
        ("x-key", "shop"),
        ("x-trace", "5"),
    ];
    let response = call(&service, "").headers(&fields).send().await;
    let expected = r#"["header", "bearer"] Some(7) Some("claims") shop ["c", "read"]"#;
    assert_eq!(response.text(), expected);
}

#[tokio::test]
async fn custom_scope_check_is_used() {
    let document = text("", "security: [{header: [people:read, people:write]}]");
    let document = Document::parse("a.yaml", document).unwrap();
    let api = Api::from_document(document).default_security(verify);
    // One scope is enough, and one without a colon includes all with that prefix.
    let api = api.scope_check(|principal, required| {
        required.iter().any(|one| {
            let (all, _) = one.split_once(':').unwrap();
            principal.scopes.contains(one) || principal.scopes.contains(all)
        })
    });
    let service = build(api.operation("a", whoami));
    for (key, status) in [("ann:people", 200), ("ann:x", 403)] {
        assert_eq!(
            call(&service, "").header("x-key", key).send().await.status,
            status,
            "{key}"
        );
    }
    // `verify` splits at the first colon.
    let one = call(&service, "")
        .header("x-key", "ann:people:write")
        .send()
        .await;
    assert_eq!(one.status, 200);
}
