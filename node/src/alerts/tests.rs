//! Deliveries to listeners of the test's own: once, again after a failure, and by mail.

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::alerts::rules::Grade;

fn trouble() -> Trouble {
    Trouble {
        rule: Rule::Disk,
        about: String::new(),
        grade: Grade::Warning,
        text: "The disk has 5 MB left.".to_owned(),
    }
}

fn teller() -> Teller<'static> {
    Teller {
        node: "Pi",
        event: Some("Spring Match"),
        event_id: None,
        now_unix_ms: 7,
    }
}

/// Takes one HTTP request, answers with a status, and returns the body.
async fn serve(listener: &TcpListener, status: &str) -> String {
    let (stream, _) = listener.accept().await.unwrap();
    let mut stream = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = text.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    stream.get_mut().write_all(answer.as_bytes()).await.unwrap();
    String::from_utf8(body).unwrap()
}

#[tokio::test]
async fn a_webhook_gets_each_alert_once_and_again_after_a_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let settings = Settings {
        webhook: Some(url),
        ..Settings::default()
    };
    let mut ways = ways(&settings);
    let mut told = Told::default();
    told.look(&[trouble()], teller());
    let failed = serve(&listener, "503 Service Unavailable");
    let ((), first) = tokio::join!(deliver(&mut told, &mut ways, 0, None), failed);
    assert!(first.contains("\"state\":\"fired\""), "{first}");
    assert_eq!(told.waiting(), 1, "it waits");
    deliver(&mut told, &mut ways, 1, None).await;
    assert_eq!(told.waiting(), 1, "not tried before its time");
    let taken = serve(&listener, "204 No Content");
    let ((), again) = tokio::join!(deliver(&mut told, &mut ways, 1_000, None), taken);
    assert_eq!(first, again, "the same message");
    let json: serde_json::Value = serde_json::from_str(&again).unwrap();
    assert_eq!(json["schema"], "tallyline.alert/1");
    assert_eq!(json["alert"], "disk");
    assert_eq!(json["event"], "Spring Match");
    assert_eq!(told.waiting(), 0, "delivered");
    told.look(&[trouble()], teller());
    assert_eq!(told.waiting(), 0, "once");
    told.look(&[], teller());
    told.look(&[], teller());
    let taken = serve(&listener, "200 OK");
    let ((), over) = tokio::join!(deliver(&mut told, &mut ways, 2_000, None), taken);
    assert!(over.contains("\"state\":\"recovered\""), "{over}");
    assert_eq!(told.waiting(), 0, "both are told");
}

/// Speaks enough SMTP to take one mail, and returns its text.
async fn take_mail(stream: TcpStream) -> String {
    let mut stream = BufReader::new(stream);
    let mut mail = String::new();
    let mut in_data = false;
    stream.get_mut().write_all(b"220 test\r\n").await.unwrap();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap() == 0 {
            return mail;
        }
        let answer: &[u8] = if in_data {
            if line.trim_end() != "." {
                mail.push_str(&line);
                continue;
            }
            in_data = false;
            b"250 taken\r\n"
        } else if line.starts_with("DATA") {
            in_data = true;
            b"354 go on\r\n"
        } else if line.starts_with("QUIT") {
            b"221 bye\r\n"
        } else {
            b"250 ok\r\n"
        };
        stream.get_mut().write_all(answer).await.unwrap();
        if line.trim_end() == "." {
            return mail;
        }
    }
}

#[tokio::test]
async fn a_mail_server_gets_the_alert() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = Settings {
        smtp: Some(format!("smtp://{}", listener.local_addr().unwrap())),
        from: Some("Pi <pi@example.org>".to_owned()),
        to: vec!["owner@example.org".to_owned()],
        ..Settings::default()
    };
    let mut ways = ways(&settings);
    assert_eq!(ways.len(), 2, "log and mail: {ways:?}");
    let mut told = Told::default();
    told.look(&[trouble()], teller());
    let taken = async {
        let (stream, _) = listener.accept().await.unwrap();
        take_mail(stream).await
    };
    let ((), mail) = tokio::join!(deliver(&mut told, &mut ways, 0, None), taken);
    assert!(
        mail.contains("Subject: [tallyline] Pi: alert: disk"),
        "{mail}"
    );
    assert!(mail.contains("The disk has 5 MB left."), "{mail}");
    assert_eq!(told.waiting(), 0, "delivered");
}

#[test]
fn a_restart_does_not_make_a_silent_device_speak() {
    let mut told = Told::default();
    let mut vitals = VitalsData {
        open: true,
        devices: vec![crate::local::protocol::DeviceVitals {
            label: "Tablet".to_owned(),
            key: "abcd".to_owned(),
            connected: false,
            cloud: false,
            silent_ms: Some(20 * 60_000),
            clock_ahead_ms: None,
            last_sync_unix_ms: None,
            failing: None,
        }],
        ..VitalsData::default()
    };
    let limits = Limits::default();
    look(&mut told, &vitals, &limits);
    assert_eq!(told.open().count(), 1, "told");
    vitals.devices[0].silent_ms = None;
    for _ in 0..10 {
        look(&mut told, &vitals, &limits);
    }
    assert_eq!(told.open().count(), 1, "not heard since the restart");
    vitals.devices[0].silent_ms = Some(0);
    look(&mut told, &vitals, &limits);
    look(&mut told, &vitals, &limits);
    assert_eq!(told.open().count(), 0, "heard again");
}
