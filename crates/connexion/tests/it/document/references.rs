//! Documents of several files.

use connexion::{Api, ApiService, Body, Document, Params, Principal};
use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::support::{TestResponse, body_verdict, build, request, service};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/references");

#[track_caller]
fn load(name: &str) -> Document {
    Document::load(format!("{FOLDER}/{name}")).unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

fn pets(document: Document) -> ApiService {
    build(
        Api::from_document(document)
            .security("key", async |_, _| {
                Ok(Some(Principal::new::<String>("all", [])))
            })
            .serve_document(true)
            .operation(
                "pets.list",
                async |Params(values): Params<Map<String, Value>>| {
                    Body(json!([{"name": format!("{}", values["limit"])}]))
                },
            )
            .operation("pets.add", async |Body(_): Body<Value>| {
                (StatusCode::CREATED, [("x-count", "1")])
            })
            .operation(
                "pets.get",
                async |Params(values): Params<Map<String, Value>>| {
                    Body(json!({"name": values["id"]}))
                },
            ),
    )
}

async fn add(service: &ApiService, pet: Value) -> TestResponse {
    let fields = [("content-type", "application/json")];
    request(service, "POST /pets")
        .headers(&fields)
        .body(pet.to_string())
        .send()
        .await
}

/// Checks that every kind of referenced part has its effect, whichever file it is in.
async fn check_pets(service: &ApiService) {
    let list = request(service, "GET /pets").send().await;
    assert_eq!(list.json(), json!([{"name": "5"}]));
    let (_, detail) = request(service, "GET /pets?limit=21")
        .send()
        .await
        .problem();
    assert!(
        detail.starts_with("21 is greater than the maximum of 20"),
        "{detail}"
    );
    let (_, detail) = request(service, "GET /pets?limit=0").send().await.problem();
    assert!(
        detail.starts_with("0 is less than the minimum of 1"),
        "{detail}"
    );

    let right =
        json!({"name": "Rex", "kind": "dog", "age": 1, "owner": {"pets": [{"name": "Tom"}]}});
    assert_eq!(add(service, right).await.status, 201);
    for (wrong, expected) in [
        (json!({}), "\"name\" is a required property"),
        (json!({"name": ""}), "\"\" is too short at /name"),
        (
            json!({"name": "Felix the cat"}),
            "\"Felix the cat\" is too long at /name",
        ),
        (
            json!({"name": "Tom", "kind": "cow"}),
            "\"cow\" is not one of [\"cat\", \"dog\"] at /kind",
        ),
        (
            json!({"name": "Tom", "age": 3_000_000_000_u32}),
            "3000000000 is not between",
        ),
        (
            json!({"name": "Tom", "young": [{}]}),
            "\"name\" is a required property at /young/0",
        ),
        (
            json!({"name": "Tom", "owner": {"pets": [{"name": "Tom", "owner": {"name": ""}}]}}),
            "\"\" is too short at /owner/pets/0/owner/name",
        ),
    ] {
        let (_, detail) = add(service, wrong).await.problem();
        assert!(detail.starts_with(expected), "{detail}");
    }

    check_pet(service).await;
}

async fn check_pet(service: &ApiService) {
    let get = |id: &str| format!("GET /pets/{id}");
    assert_eq!(request(service, &get("1")).send().await.status, 401);
    let with_key = [("x-key", "k")];
    assert_eq!(
        request(service, &get("x"))
            .headers(&with_key)
            .send()
            .await
            .status,
        400
    );
    // The response's name is a number, which its schema in a third file does not allow.
    assert_eq!(
        request(service, &get("1"))
            .headers(&with_key)
            .send()
            .await
            .status,
        500
    );
}

#[tokio::test]
async fn reference_to_any_part_of_another_file_is_resolved() {
    let document = load("api.yaml");
    let diagnostics: Vec<_> = document.check().iter().map(ToString::to_string).collect();
    assert!(diagnostics.is_empty(), "{diagnostics:#?}");
    check_pets(&pets(document)).await;
}

#[tokio::test]
async fn served_document_is_bundled_and_equivalent() {
    let service = pets(load("api.yaml"));
    for path in ["/openapi.json", "/openapi.yaml"] {
        let text = request(&service, &format!("GET {path}"))
            .send()
            .await
            .text();
        assert!(
            !text.contains(FOLDER),
            "the served document has the path of its file"
        );
        let served = Document::parse("served", text).unwrap();
        check_pets(&pets(served)).await;
    }
    let value: Value = serde_json::from_str(&load("api.yaml").to_json()).unwrap();
    let files = value["x-connexion-files"].as_object().unwrap();
    let mut names: Vec<_> = files.keys().collect();
    names.sort();
    let expected = [
        "parts.yaml",
        "paths/pet.yaml",
        "schemas/odd names/the ~1% kinds.yaml",
        "schemas/owner.yaml",
        "schemas/pet.json",
    ];
    assert_eq!(names, expected);
    assert_eq!(
        value["paths"]["/pets/{id}"]["$ref"],
        "#/x-connexion-files/paths~1pet.yaml"
    );
    let data = &value["components"]["schemas"]["Example"]["example"];
    assert_eq!(data["$ref"], "none.yaml");
}

#[test]
fn parsed_text_refers_to_files_beside_its_path() {
    let path = format!("{FOLDER}/api.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let document = Document::parse_at(&path, text).unwrap();
    let loaded = load("api.yaml");
    assert_eq!(document.text(), loaded.text());
    let files: Vec<_> = document.files().collect();
    assert!(files.len() > 2 && files[0] == path, "{files:?}");
    assert!(loaded.files().eq(files.iter().copied()));
    for file in files {
        assert!(std::fs::exists(file).unwrap(), "{file}");
    }
}

#[test]
fn single_file_document_is_served_as_written() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/books-3.1.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    assert_eq!(Document::load(path).unwrap().text(), text);
}

#[test]
fn other_files_use_the_dialect_of_the_document() {
    let service = service(load("api-3.0.yaml"));
    assert_eq!(
        body_verdict(&service, r#"{"a": null, "b": "long"}"#),
        r#"ok {} {"a":null,"b":"long"}"#
    );
    let verdict = body_verdict(&service, r#"{"a": 0}"#);
    assert!(verdict.starts_with("Body /a exclusiveMinimum"), "{verdict}");
}

#[tokio::test]
async fn swagger_2_document_can_have_several_files() {
    let bundled = Document::parse("served", load("swagger/api.yaml").to_json()).unwrap();
    for document in [load("swagger/api.yaml"), bundled] {
        let diagnostics: Vec<_> = document.check().iter().map(ToString::to_string).collect();
        assert!(diagnostics.is_empty(), "{diagnostics:#?}");
        let service = build(
            Api::from_document(document)
                .security("basic", async |_, _| {
                    Ok(Some(Principal::new::<String>("all", [])))
                })
                .operation(
                    "test",
                    async |Params(values): Params<Map<String, Value>>| {
                        Body(Value::Object(values).to_string())
                    },
                ),
        );
        let ask = async |query: &str, body: &str| {
            let fields = [
                ("content-type", "application/json"),
                ("authorization", "Basic YTpi"),
            ];
            let line = format!("POST /test{query}");
            request(&service, &line)
                .headers(&fields)
                .body(body.to_owned())
                .send()
                .await
                .json()
        };
        let read = ask("?tags=a&tags=b", r#"{"a": null}"#).await;
        assert_eq!(read, r#"{"tags":["a","b"],"limit":7}"#);
        for (query, body) in [
            ("?limit=10", "{}"),
            ("?tags=long", "{}"),
            ("", r#"{"a": 0}"#),
        ] {
            assert_eq!(ask(query, body).await["status"], 400, "{query} {body}");
        }
    }
}

#[test]
fn diagnostic_names_the_file_and_the_text_of_its_author() {
    let document = load("broken/api.yaml");
    let diagnostics = document.check().into_iter();
    let lines: Vec<_> = diagnostics
        .map(|diagnostic| diagnostic.to_string())
        .collect();
    let lines = lines.join("\n").replace(&format!("{FOLDER}/broken/"), "");
    let expected = "\
api.yaml:9:12: `./parts.yaml#/schemas/A` is not a parameter
api.yaml:12:17: `parts.yaml#/responses/None` does not exist
api.yaml:15:15: `missing.yaml#/A` can't be read: No such file or directory (os error 2)
api.yaml:16:14: `.` is not a regular file
api.yaml:19:11: `https://a.example/b.yaml` is a URL, which is not fetched; copy its content into a file
api.yaml:20:12: `file:///b.yaml` is a URL, which is not fetched; copy its content into a file
api.yaml:21:12: `//a.example/b.yaml` is a URL, which is not fetched; copy its content into a file
api.yaml:22:16: `/b.yaml#/A` is an absolute path, which is rejected; use a path relative to this file
api.yaml:23:15: `%2Fb.yaml` is an absolute path, which is rejected; use a path relative to this file
api.yaml:24:14: `parts.yaml#name` does not exist
api.yaml:26:14: `parts.yaml#/schemas/Circle` leads back to itself
parts.yaml:4:3: warning: the response `200` of GET /a has no `description`
parts.yaml:4:14: warning: a response has no field `descripton`; `description` is probably meant
parts.yaml:6:3: a parameter has no `name`
parts.yaml:8:11: `type` must be one of string, number, integer, boolean, object, array, null
parts.yaml:9:11: `nothing.yaml` can't be read: No such file or directory (os error 2)
parts.yaml:10:11: `#/schemas/C` does not exist
parts.yaml:11:12: `api.yaml#/components/schemas/Circle` leads back to itself
syntax.yaml:3:2: illegal placement of ':' indicator
";
    assert_eq!(lines, expected.trim_end());
}

#[test]
fn pointer_of_a_diagnostic_refers_to_its_file() {
    let diagnostics = load("broken/api.yaml").check();
    let diagnostic = diagnostics
        .iter()
        .find(|diagnostic| diagnostic.message.contains("`type`"));
    let diagnostic = diagnostic.unwrap();
    assert!(
        diagnostic.file.ends_with("broken/parts.yaml"),
        "{}",
        diagnostic.file
    );
    assert_eq!(
        (diagnostic.code.as_str(), diagnostic.pointer.as_str()),
        ("schema-invalid", "/schemas/A/properties/a/type")
    );
}

/// Loads a document whose schema is at a URL, from a fetcher that has two files.
fn load_from_web(hosts: &str) -> (Document, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("api.yaml");
    let operation = "{operationId: test, responses: {'200': {description: d}}, requestBody: {content: \
                     {application/json: {schema: {$ref: 'HTTPS://a.example/v1/../v2/pet.yaml#/Pet'}}}}}";
    let text = format!(
        "openapi: 3.1.0\ninfo: {{title: T, version: '1'}}\npaths: {{/test: {{post: {operation}}}}}\n"
    );
    std::fs::write(&path, text).unwrap();
    let mut asked = Vec::new();
    let document = Document::load_with(&path, |url| {
        asked.push(url.to_owned());
        match url {
            _ if !url.contains(hosts) => Err(std::io::Error::other("is not one of our hosts")),
            "https://a.example/v2/pet.yaml" => Ok("Pet: {properties: {owner: {$ref: '../owner.yaml'}, \
                                                   mother: {$ref: '#/Pet'}, local: {$ref: 'file:///etc/passwd'}}}"
                .to_owned()),
            "https://a.example/owner.yaml" => Ok("{type: string, maxLength: 5}".to_owned()),
            _ => Err(std::io::Error::other("404")),
        }
    });
    (document.unwrap(), asked)
}

#[test]
fn url_reference_is_resolved_by_the_fetcher_of_the_application() {
    let (document, asked) = load_from_web("a.example");
    assert_eq!(
        asked,
        [
            "https://a.example/v2/pet.yaml",
            "https://a.example/owner.yaml"
        ]
    );
    let lines: Vec<_> = document.check().iter().map(ToString::to_string).collect();
    let expected = "https://a.example/v2/pet.yaml:1:85: `file:///etc/passwd` can't be fetched: only http and https URLs are supported";
    assert_eq!(lines, [expected]);

    let text = document
        .to_json()
        .replace(r#","local":{"$ref":"file:///etc/passwd"}"#, "");
    let service = service(Document::parse("served", text).unwrap());
    let verdict = body_verdict(&service, r#"{"mother": {"owner": "too long"}}"#);
    assert_eq!(
        verdict,
        "Body /mother/owner maxLength: \"too long\" is too long at /mother/owner"
    );
}

#[test]
fn url_reference_that_is_not_fetched_is_reported_with_the_reason() {
    let (document, _) = load_from_web("b.example");
    let diagnostics = document.check();
    let lines: Vec<_> = diagnostics
        .iter()
        .map(|diagnostic| diagnostic.message.as_str())
        .collect();
    let expected =
        "`HTTPS://a.example/v1/../v2/pet.yaml#/Pet` can't be read: is not one of our hosts";
    assert_eq!(lines, [expected]);
}
