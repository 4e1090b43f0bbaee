//! A client of HTTP/2 that sends frames (RFC 9113, section 4.1) as a test writes them, also those that no library sends.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;

/// `END_STREAM` and `END_HEADERS`.
const WHOLE: u8 = 0x05;

pub(crate) struct Frames(TcpStream);

#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frames {
    /// Opens a connection whose streams may be sent so many bytes.
    pub(crate) fn open(address: &str, window: u32) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        let mut frames = Self(stream);
        frames
            .0
            .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            .unwrap();
        // SETTINGS_HEADER_TABLE_SIZE 0, so that `status` needs no table, and SETTINGS_INITIAL_WINDOW_SIZE.
        let settings = [&[0, 1, 0, 0, 0, 0, 0, 4][..], &window.to_be_bytes()].concat();
        frames.send(SETTINGS, 0, 0, &settings);
        frames.window(0, 1 << 30);
        frames
    }

    /// Sends a frame; what is closed already takes none.
    pub(crate) fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
        let _ = self.0.write_all(&[&head, payload].concat());
    }

    /// Asks for a path; `host` is the `:authority`, if there is to be one, and `more` are further fields.
    pub(crate) fn get(
        &mut self,
        stream: u32,
        path: &str,
        host: Option<&str>,
        more: &[(&str, &str)],
    ) {
        // `:method GET` and `:scheme http` of HPACK's static table (RFC 7541, appendix A), then literals.
        let mut block = vec![0x82, 0x86, 0x04];
        text(&mut block, path);
        if let Some(host) = host {
            block.push(0x01);
            text(&mut block, host);
        }
        for (name, value) in more {
            block.push(0x00);
            text(&mut block, name);
            text(&mut block, value);
        }
        self.send(HEADERS, WHOLE, stream, &block);
    }

    pub(crate) fn ping(&mut self) {
        self.send(PING, 0, 0, &[0; 8]);
    }

    /// Lets the server send so much more.
    pub(crate) fn window(&mut self, stream: u32, more: u32) {
        self.send(WINDOW_UPDATE, 0, stream, &more.to_be_bytes());
    }

    /// The next frame, if one comes in time; `Err` at the connection's end.
    pub(crate) fn next(&mut self, patience: Duration) -> Result<Option<Frame>, ()> {
        self.0.set_read_timeout(Some(patience)).unwrap();
        match self.0.peek(&mut [0]) {
            Ok(1..) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(None),
            Ok(0) | Err(_) => return Err(()),
        }
        self.0
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let mut head = [0; 9];
        self.0.read_exact(&mut head).map_err(drop)?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.0.read_exact(&mut payload).map_err(drop)?;
        Ok(Some(Frame {
            kind,
            flags,
            stream: u32::from_be_bytes(stream),
            payload,
        }))
    }

    /// The next frame of one kind.
    #[track_caller]
    pub(crate) fn until(&mut self, kind: u8) -> Frame {
        loop {
            let frame = self.next(Duration::from_secs(20)).expect("it is open");
            let frame = frame.expect("it comes in time");
            if frame.kind == kind {
                return frame;
            }
        }
    }
}

/// A string without Huffman's code (RFC 7541, section 5.2), shorter than 127 bytes.
fn text(block: &mut Vec<u8>, text: &str) {
    block.push(u8::try_from(text.len()).unwrap());
    block.extend(text.as_bytes());
}

/// The status of a response's head, of those that tests expect: an index of the static table, or a literal.
pub(crate) fn status(frame: &Frame) -> u16 {
    // The first block has the table's new size before.
    let block = frame
        .payload
        .strip_prefix(&[0x20])
        .unwrap_or(&frame.payload);
    match block {
        [0x88, ..] => 200,
        [0x8c, ..] => 400,
        [0x8d, ..] => 404,
        // In Huffman's code (RFC 7541, appendix B).
        [0x48 | 0x08, 0x82, 0x68, 0x41, ..] => 421,
        _ => 0,
    }
}
