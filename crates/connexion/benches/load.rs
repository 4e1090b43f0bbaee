//! Measures the time from the text of a document with 1,000 operations to a service that is ready:
//! `cargo bench -p connexion --bench load [-- ROUNDS]`; one round is for a profiler. The goal is 150 ms.

use std::{
    fmt::Write as _,
    hint::black_box,
    io::Write as _,
    time::{Duration, Instant},
};

use connexion::{Api, Document};

const OPERATIONS: usize = 1_000;
const ROUNDS: usize = 15;

/// Returns a document; each operation has its own path, two parameters, a body, two responses and a schema.
fn document() -> String {
    let mut text = String::from("openapi: 3.1.0\ninfo: {title: Many, version: '1'}\npaths:\n");
    let mut schemas = String::from("components:\n  schemas:\n");
    for i in 0..OPERATIONS {
        let _ = write!(
            text,
            "  /things{i}/{{id}}:
    put:
      operationId: put{i}
      summary: Replaces a thing
      parameters:
        - {{name: id, in: path, required: true, schema: {{type: string, format: uuid}}}}
        - {{name: limit, in: query, schema: {{type: integer, minimum: 1, maximum: 100, default: 10}}}}
      requestBody:
        required: true
        content:
          application/json:
            schema: {{$ref: '#/components/schemas/Thing{i}'}}
      responses:
        '200':
          description: the thing
          content:
            application/json:
              schema: {{$ref: '#/components/schemas/Thing{i}'}}
        '400': {{description: what is wrong}}
"
        );
        let _ = write!(
            schemas,
            "    Thing{i}:
      type: object
      required: [name, price]
      additionalProperties: false
      properties:
        name: {{type: string, minLength: 1, maxLength: 80}}
        price: {{type: number, minimum: 0}}
        kind: {{type: string, enum: [small, large]}}
        tags: {{type: array, items: {{type: string, pattern: '^[a-z]+$'}}, maxItems: 5}}
        parent: {{$ref: '#/components/schemas/Thing{i}'}}
"
        );
    }
    text + &schemas
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let text = document();
    let rounds = std::env::args().find_map(|argument| argument.parse().ok());
    let rounds = rounds.unwrap_or(ROUNDS);
    let mut times = Vec::new();
    for _ in 0..rounds {
        let start = Instant::now();
        let document = Document::parse("many.yaml", text.clone())?;
        let parsed = start.elapsed();
        let mut api = Api::from_document(document);
        for i in 0..OPERATIONS {
            api = api.operation(&format!("put{i}"), async || ());
        }
        let service = black_box(api.build(())?);
        times.push((start.elapsed(), parsed));
        // Dropping the service is not part of loading it.
        drop(service);
    }
    times.sort_unstable();
    let (whole, parsed) = times.get(rounds / 2).copied().unwrap_or_default();
    let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
    writeln!(
        std::io::stdout(),
        "load: {OPERATIONS} operations, {} kB: {:.0} ms, {:.0} ms to parse the text (median of {rounds})",
        text.len() / 1000,
        ms(whole),
        ms(parsed),
    )?;
    Ok(())
}
