//! A to-do list with accounts, paging and photos, which it keeps in memory.
//!
//! ```sh
//! cargo run -p connexion --example todo    # with `--features swagger-ui` also http://127.0.0.1:3000/ui/
//!
//! url=127.0.0.1:3000/todos ann='Authorization: Bearer ann-secret' json='Content-Type: application/json'
//!
//! curl -i $url                                           # 401 Unauthorized
//! curl -H "$ann" -H "$json" -d '{"title":"Buy milk"}' $url    # {"id":1,"title":"Buy milk","done":false}
//! curl -H "$ann" -H "$json" -d '{"title":"Sell milk"}' $url   # {"id":2,"title":"Sell milk","done":false}
//! curl -H "$ann" "$url?limit=1"    # {"items":[{"id":1,…}],"next":"/todos?after=1&limit=1"}
//! curl -H "$ann" "$url?limit=0"    # 400: 0 is less than the minimum of 1 for query parameter 'limit'
//! curl -H "$ann" -H "$json" -X PATCH -d '{"done":true}' $url/1    # {"id":1,"title":"Buy milk","done":true}
//! curl -H "$ann" -X PUT -F photo=@milk.png $url/1/photo           # 204 No Content
//! curl -H "$ann" -o copy.png $url/1/photo
//! curl -H "$ann" -X DELETE $url/1                                 # 204 No Content
//! ```
//!
//! The account `bob-secret` may only read: its changes are 403.

use std::{collections::BTreeMap, sync::Arc};

use axum::{body::Bytes, extract::State, response::IntoResponse};
use connexion::{
    Api, ApiService, AuthContext, Body, Credentials, Diagnostics, Document, Files, Params,
    Principal, Problem,
};
use futures_util::TryStreamExt as _;
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

#[derive(Clone, Serialize)]
struct Todo {
    id: u64,
    title: String,
    done: bool,
    #[serde(skip)]
    owner: String,
    #[serde(skip)]
    photo: Option<(HeaderValue, Bytes)>,
}

/// The to-dos of all accounts, by their ids.
#[derive(Clone, Default)]
struct Todos(Arc<Mutex<BTreeMap<u64, Todo>>>);

impl Todos {
    /// Calls `act` with a to-do of this owner; the to-dos of others are not found.
    async fn with<T>(
        &self,
        id: u64,
        owner: &Principal,
        act: impl FnOnce(&mut Todo) -> T,
    ) -> Result<T, Problem> {
        let mut todos = self.0.lock().await;
        let todo = todos.get_mut(&id).filter(|todo| todo.owner == owner.id);
        todo.map(act).ok_or_else(not_found)
    }
}

fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "There is no such to-do or photo.")
}

#[derive(Deserialize)]
struct Filter {
    done: Option<bool>,
    #[serde(default)]
    after: u64,
    limit: usize,
}

#[derive(Serialize)]
struct Page {
    items: Vec<Todo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

async fn list(
    State(todos): State<Todos>,
    owner: Principal,
    Params(filter): Params<Filter>,
) -> Body<Page> {
    let todos = todos.0.lock().await;
    let later = todos.range(filter.after + 1..).map(|(_, todo)| todo);
    let own = later.filter(|todo| todo.owner == owner.id);
    let matching = own.filter(|todo| filter.done.is_none_or(|done| done == todo.done));
    // One more than the page holds, to find out whether there is a next page.
    let mut items: Vec<Todo> = matching.take(filter.limit + 1).cloned().collect();
    let has_more = items.len() > filter.limit;
    items.truncate(filter.limit);
    let last = items.last().filter(|_| has_more);
    let next = last.map(|last| {
        let done = filter.done.map(|done| format!("&done={done}"));
        let limit = filter.limit;
        format!(
            "/todos?after={}&limit={limit}{}",
            last.id,
            done.unwrap_or_default()
        )
    });
    Body(Page { items, next })
}

#[derive(Deserialize)]
struct NewTodo {
    title: String,
    done: bool,
}

async fn add(
    State(todos): State<Todos>,
    owner: Principal,
    Body(NewTodo { title, done }): Body<NewTodo>,
) -> impl IntoResponse {
    let mut todos = todos.0.lock().await;
    let id = todos.keys().next_back().map_or(1, |last| last + 1);
    let todo = Todo {
        id,
        title,
        done,
        owner: owner.id,
        photo: None,
    };
    todos.insert(id, todo.clone());
    let location = [(header::LOCATION, format!("/todos/{id}"))];
    (StatusCode::CREATED, location, Body(todo))
}

#[derive(Deserialize)]
struct Id {
    id: u64,
}

#[derive(Deserialize)]
struct Change {
    title: Option<String>,
    done: Option<bool>,
}

async fn change(
    State(todos): State<Todos>,
    owner: Principal,
    Params(Id { id }): Params<Id>,
    Body(change): Body<Change>,
) -> Result<Body<Todo>, Problem> {
    let changed = todos.with(id, &owner, |todo| {
        if let Some(title) = change.title {
            todo.title = title;
        }
        todo.done = change.done.unwrap_or(todo.done);
        todo.clone()
    });
    changed.await.map(Body)
}

async fn remove(
    State(todos): State<Todos>,
    owner: Principal,
    Params(Id { id }): Params<Id>,
) -> Result<StatusCode, Problem> {
    // It is looked up first, since an account must not remove the to-dos of another.
    todos.with(id, &owner, |_| ()).await?;
    todos.0.lock().await.remove(&id);
    Ok(StatusCode::NO_CONTENT)
}

async fn upload(
    State(todos): State<Todos>,
    owner: Principal,
    Params(Id { id }): Params<Id>,
    files: Files,
) -> Result<StatusCode, Problem> {
    // The document requires exactly one file, of one of two types.
    let photo = files.get("photo").first().ok_or_else(not_found)?;
    let media_type = photo.content_type().unwrap_or_default();
    let media_type = HeaderValue::from_str(media_type).map_err(|_invalid| not_found())?;
    let chunks: Vec<Bytes> = photo.stream().try_collect().await.map_err(|error| {
        tracing::error!(%error, "a photo can't be read");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "The photo can't be read.")
    })?;
    let photo = (media_type, Bytes::from(chunks.concat()));
    todos
        .with(id, &owner, |todo| todo.photo = Some(photo))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn photo(
    State(todos): State<Todos>,
    owner: Principal,
    Params(Id { id }): Params<Id>,
) -> Result<impl IntoResponse, Problem> {
    let photo = todos.with(id, &owner, |todo| todo.photo.clone()).await?;
    let (media_type, bytes) = photo.ok_or_else(not_found)?;
    Ok(([(header::CONTENT_TYPE, media_type)], bytes))
}

/// Returns the account that a token belongs to. A real service looks the hash of the token up in its database.
async fn verify(credentials: Credentials, _: AuthContext) -> Result<Option<Principal>, Problem> {
    let Credentials::Token(token) = credentials else {
        return Ok(None);
    };
    Ok(match token.as_str() {
        "ann-secret" => Some(Principal::new("Ann", ["read", "write"])),
        "bob-secret" => Some(Principal::new("Bob", ["read"])),
        _ => None,
    })
}

fn service(todos: Todos) -> Result<ApiService, Diagnostics> {
    let document = Document::parse("todo.yaml", include_str!("todo.yaml"))?;
    let api = Api::from_document(document)
        .security("token", verify)
        .operation("list", list)
        .operation("add", add)
        .operation("change", change)
        .operation("remove", remove)
        .operation("upload", upload)
        .operation("photo", photo);
    #[cfg(feature = "swagger-ui")]
    let api = api.swagger_ui(true);
    api.serve_document(true).build(todos)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().init();
    let router = axum::Router::new().fallback_service(service(Todos::default())?);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, router).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use http::{Request, StatusCode};
    use serde_json::{Value, json};

    use super::{Todos, service};

    /// Returns the status and the body of the response to `METHOD PATH`, called by the account of `token`.
    async fn call(
        service: &connexion::ApiService,
        request: &str,
        token: &str,
        content_type: &str,
        body: impl Into<Body>,
    ) -> (StatusCode, Value) {
        let (method, path) = request.split_once(' ').unwrap();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("Authorization", format!("Bearer {token}"))
            .header("Content-Type", content_type);
        let response = service.handle(request.body(body.into()).unwrap()).await;
        let status = response.status();
        let body = to_bytes(response.into_body(), 100_000).await.unwrap();
        let value = serde_json::from_slice(&body);
        let value = value.unwrap_or_else(|_| json!(String::from_utf8_lossy(&body)));
        (status, value)
    }

    #[tokio::test]
    async fn the_list_has_pages_and_a_filter() {
        let service = service(Todos::default()).unwrap();
        for title in ["a", "b", "c"] {
            let body = json!({"title": title, "done": title == "b"}).to_string();
            let (status, _) = call(
                &service,
                "POST /todos",
                "ann-secret",
                "application/json",
                body,
            )
            .await;
            assert_eq!(status, 201);
        }
        let get = async |path: &str| {
            let (status, page) = call(&service, &format!("GET {path}"), "ann-secret", "", "").await;
            assert_eq!(status, 200, "{page}");
            let ids: Vec<u64> = page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["id"].as_u64().unwrap())
                .collect();
            (ids, page["next"].as_str().map(str::to_owned))
        };
        let (ids, next) = get("/todos?limit=2").await;
        assert_eq!(ids, [1, 2]);
        assert_eq!(get(&next.unwrap()).await, (vec![3], None));
        assert_eq!(
            get("/todos?done=false&limit=1").await,
            (
                vec![1],
                Some("/todos?after=1&limit=1&done=false".to_owned())
            )
        );
    }

    #[tokio::test]
    async fn accounts_are_separate_and_scopes_are_required() {
        let service = service(Todos::default()).unwrap();
        let add = r#"{"title": "a"}"#;
        let post = async |token: &str| {
            call(&service, "POST /todos", token, "application/json", add)
                .await
                .0
        };
        assert_eq!(post("ann-secret").await, 201);
        assert_eq!(post("bob-secret").await, 403);
        assert_eq!(post("no-secret").await, 401);
        let (_, page) = call(&service, "GET /todos", "bob-secret", "", "").await;
        assert_eq!(page, json!({"items": []}));
        let (status, _) = call(&service, "GET /todos/1/photo", "bob-secret", "", "").await;
        assert_eq!(status, 404);
    }

    #[tokio::test]
    async fn a_photo_is_uploaded_and_downloaded() {
        let service = service(Todos::default()).unwrap();
        call(
            &service,
            "POST /todos",
            "ann-secret",
            "application/json",
            r#"{"title": "a"}"#,
        )
        .await;
        let form = |media_type: &str| {
            format!(
                "--x\r\nContent-Disposition: form-data; name=photo; filename=a.png\r\nContent-Type: {media_type}\r\n\r\n\
                 bytes\r\n--x--\r\n"
            )
        };
        let put = async |media_type: &str| {
            let content_type = "multipart/form-data; boundary=x";
            call(
                &service,
                "PUT /todos/1/photo",
                "ann-secret",
                content_type,
                form(media_type),
            )
            .await
            .0
        };
        assert_eq!(put("text/html").await, 415);
        assert_eq!(put("image/png").await, 204);
        let (status, photo) = call(&service, "GET /todos/1/photo", "ann-secret", "", "").await;
        assert_eq!((status.as_u16(), photo), (200, json!("bytes")));
    }

    #[tokio::test]
    async fn a_todo_is_changed_and_removed() {
        let service = service(Todos::default()).unwrap();
        call(
            &service,
            "POST /todos",
            "ann-secret",
            "application/json",
            r#"{"title": "a"}"#,
        )
        .await;
        let (_, todo) = call(
            &service,
            "PATCH /todos/1",
            "ann-secret",
            "application/json",
            r#"{"done": true}"#,
        )
        .await;
        assert_eq!(todo, json!({"id": 1, "title": "a", "done": true}));
        let remove = async || {
            call(&service, "DELETE /todos/1", "ann-secret", "", "")
                .await
                .0
        };
        assert_eq!(remove().await, 204);
        assert_eq!(remove().await, 404);
    }
}
