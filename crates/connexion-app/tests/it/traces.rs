//! Traces, of a program that was built for them and of one that was not.

use crate::program::Program;

#[cfg(not(feature = "otlp"))]
#[test]
fn a_program_that_was_not_built_for_traces_says_so() {
    let program = Program::new().env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1");
    let service = program.serve(&[]);
    assert_eq!(service.people(), 714);
    let said = "OTEL_EXPORTER_OTLP_ENDPOINT is set, but has no meaning here";
    let stderr = service.stop().stderr;
    assert!(stderr.contains(said), "{stderr}");
}

#[cfg(feature = "otlp")]
mod sent {
    use std::{
        io::{BufRead as _, BufReader, Read as _, Write as _},
        net::{TcpListener, TcpStream},
        thread::{self, JoinHandle},
    };

    use super::Program;
    use crate::program::Service;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const CALLER: &str = "00f067aa0ba902b7";
    const PERSON: &str = "/people/00000000-0000-0000-0000-000000000000";

    /// A collector that takes one export.
    struct Collector {
        address: String,
        export: JoinHandle<Export>,
    }

    struct Export {
        head: String,
        body: Vec<u8>,
    }

    impl Collector {
        fn start(status: &'static str) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = format!("http://{}", listener.local_addr().unwrap());
            let export = thread::spawn(move || taken(listener.accept().unwrap().0, status));
            Self { address, export }
        }

        /// A service that sends its traces here, with neither log.
        fn serve(&self) -> Service {
            let program = Program::new().env("OTEL_EXPORTER_OTLP_ENDPOINT", &self.address);
            program.serve(&["--error-log", "off", "--access-log", "off"])
        }
    }

    impl Export {
        fn has(&self, part: &[u8]) -> bool {
            self.body.windows(part.len()).any(|window| window == part)
        }
    }

    fn taken(stream: TcpStream, status: &str) -> Export {
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(reader.read_line(&mut head).unwrap(), 0, "{head}");
        }
        let lines = head.to_ascii_lowercase();
        let length = lines.split_once("content-length: ").unwrap().1;
        let length = length.split_once("\r\n").unwrap().0.parse().unwrap();
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        reader.into_inner().write_all(answer.as_bytes()).unwrap();
        Export { head, body }
    }

    fn bytes(hex: &str) -> Vec<u8> {
        let digits = |place| u8::from_str_radix(&hex[place..place + 2], 16).unwrap();
        (0..hex.len()).step_by(2).map(digits).collect()
    }

    #[test]
    fn a_request_is_a_span_below_its_callers_and_is_sent_at_the_latest_at_the_end() {
        let collector = Collector::start("200 OK");
        let service = collector.serve();
        let request = format!(
            "GET {PERSON} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-Id: given-9\r\n\
             Traceparent: 00-{TRACE}-{CALLER}-01\r\n\r\n"
        );
        let mut answer = String::new();
        service.send(&request).read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
        assert_eq!(service.stop().ok().lines().count(), 5);
        let export = collector.export.join().unwrap();
        let head = export.head.to_ascii_lowercase();
        assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
        assert!(
            head.contains("content-type: application/x-protobuf\r\n"),
            "{head}"
        );
        assert!(export.has(&bytes(TRACE)) && export.has(&bytes(CALLER)));
        for text in [
            "connexion-app",
            "person.get",
            "given-9",
            "http.response.status_code",
            PERSON,
        ] {
            assert!(export.has(text.as_bytes()), "{text}: {:?}", export.body);
        }
    }

    #[test]
    fn a_request_of_nobody_is_a_trace_of_its_own_with_the_id_that_the_log_has() {
        let collector = Collector::start("200 OK");
        let program = Program::new()
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.address)
            .env("OTEL_SERVICE_NAME", "passengers");
        let service = program.serve(&["--log-format", "json"]);
        assert_eq!(service.get("/nowhere").status, 404);
        let access = service.stop().stdout;
        let line = access.lines().last().unwrap();
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let export = collector.export.join().unwrap();
        assert!(
            export.has(&bytes(line["trace_id"].as_str().unwrap())),
            "{line}"
        );
        assert!(export.has(b"passengers"));
    }

    #[test]
    fn a_collector_that_takes_nothing_is_told_of_once_and_holds_nobody_up() {
        let collector = Collector::start("400 Bad Request");
        let program = Program::new().env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.address);
        let service = program.serve(&[]);
        assert_eq!(service.people(), 714);
        let stderr = service.stop().stderr;
        let said = "traces can't be sent: the collector answers 400 Bad Request";
        assert_eq!(stderr.matches(said).count(), 1, "{stderr}");
    }

    #[test]
    fn an_address_that_is_none_is_told_before_anything_starts() {
        for wrong in ["collector:4318", "ftp://collector", "http://"] {
            let stderr = Program::new().run(&["--otlp-endpoint", wrong]).failed(2);
            let told = format!(
                "connexion-app: --otlp-endpoint: '{wrong}' is not like http://127.0.0.1:4318\n"
            );
            assert_eq!(stderr, told);
        }
    }
}
