//! Where alerts go: a webhook, ntfy, a mail server, the log.
//!
//! The only module that knows HTTP clients and SMTP. Layer: node, alerts.

use std::fmt;
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message as Mail, Tokio1Executor};
use reqwest::Client;

use super::told::{Message, Turn};

/// How long one delivery may take: a slow mail server answers within it.
pub(super) const DELIVERY_TIME: Duration = Duration::from_secs(10);

/// Where one kind of message goes.
pub(super) enum Outlet {
    /// JSON by POST.
    Webhook(Client, String),
    /// Text by POST, as ntfy takes it.
    Ntfy(Client, String),
    /// A mail.
    Mail(Box<Post>),
    /// The node's own log.
    Log,
}

/// A mail server, and who writes to whom.
pub(super) struct Post {
    server: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

/// Why an outlet cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unusable(pub(super) String);

impl Outlet {
    /// Makes an outlet that posts JSON.
    pub(super) fn webhook(url: &str) -> Result<Self, Unusable> {
        Ok(Self::Webhook(client()?, url.to_owned()))
    }

    /// Makes an outlet that posts text.
    pub(super) fn ntfy(url: &str) -> Result<Self, Unusable> {
        Ok(Self::Ntfy(client()?, url.to_owned()))
    }

    /// Makes an outlet that mails through a server: `smtp://host:25`, `smtps://user@host`; the
    /// password comes from a file.
    pub(super) fn mail(
        server: &str,
        (from, to): (&str, &[String]),
        password: Option<String>,
    ) -> Result<Self, Unusable> {
        provide_crypto();
        let bad = |what: &str, why: String| Unusable(format!("{what}: {why}"));
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(server)
            .map_err(|error| bad("alert_smtp", error.to_string()))?;
        if let Some(password) = password {
            transport = transport.credentials(Credentials::new(user(server), password));
        }
        let address = |text: &str| {
            text.parse::<Mailbox>()
                .map_err(|error| bad(text, error.to_string()))
        };
        let to: Result<Vec<Mailbox>, Unusable> = to.iter().map(|it| address(it)).collect();
        Ok(Self::Mail(Box::new(Post {
            server: transport.timeout(Some(DELIVERY_TIME)).build(),
            from: address(from)?,
            to: to?,
        })))
    }

    /// Returns its stable name.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Webhook(..) => "webhook",
            Self::Ntfy(..) => "ntfy",
            Self::Mail(_) => "mail",
            Self::Log => "log",
        }
    }

    /// Delivers one message.
    ///
    /// # Errors
    /// Why it was not taken.
    pub(super) async fn deliver(&self, message: &Message) -> Result<(), String> {
        match self {
            Self::Webhook(client, url) => {
                let mut told = message.clone();
                told.done.clear();
                let body = serde_json::to_string(&told).map_err(|error| error.to_string())?;
                let post = client.post(url).header("content-type", "application/json");
                send(post.body(body)).await
            }
            Self::Ntfy(client, url) => {
                let post = client.post(url).header("title", ascii(&subject(message)));
                let text = match message.event_id {
                    Some(_) => format!("{}\n\n{}", message.text, event(message)),
                    None => message.text.clone(),
                };
                send(post.body(text)).await
            }
            Self::Mail(post) => post.deliver(message).await,
            Self::Log => {
                let (alert, text) = (message.alert.as_str(), message.text.as_str());
                let event = message.event_id.as_deref();
                match message.state {
                    Turn::Fired => tracing::warn!(alert, event, text, "alert"),
                    Turn::Recovered => tracing::info!(alert, event, text, "an alert is over"),
                }
                Ok(())
            }
        }
    }
}

impl Post {
    async fn deliver(&self, message: &Message) -> Result<(), String> {
        let mut mail = Mail::builder()
            .from(self.from.clone())
            .subject(subject(message));
        for to in &self.to {
            mail = mail.to(to.clone());
        }
        let body = format!(
            "{}\n\nDevice: {}\n{}\n",
            message.text,
            message.node,
            event(message)
        );
        let mail = mail.body(body).map_err(|error| error.to_string())?;
        let sent = self.server.send(mail).await;
        sent.map(drop).map_err(|error| error.to_string())
    }
}

impl fmt::Debug for Outlet {
    /// Addresses may carry secrets, so only the kind is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn client() -> Result<Client, Unusable> {
    provide_crypto();
    Client::builder()
        .timeout(DELIVERY_TIME)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| Unusable(format!("no HTTP client: {error}")))
}

/// Says which cryptography TLS uses; whoever said so before meant the same.
fn provide_crypto() {
    let provider = rustls::crypto::ring::default_provider();
    drop(provider.install_default());
}

async fn send(request: reqwest::RequestBuilder) -> Result<(), String> {
    let response = request.send().await;
    // The address may carry a secret, and stands in the error.
    let response = response.map_err(|error| error.without_url().to_string())?;
    let status = response.status();
    if status.is_success() {
        Ok(())
    } else {
        Err(format!("the answer was {status}"))
    }
}

fn subject(message: &Message) -> String {
    let state = match message.state {
        Turn::Fired => "alert",
        Turn::Recovered => "over",
    };
    format!("[tallyline] {}: {state}: {}", message.node, message.alert)
}

/// Says which event a message is about.
fn event(message: &Message) -> String {
    let name = message.event.as_deref().unwrap_or("no event");
    match &message.event_id {
        Some(id) => format!("Event: {name} ({id})"),
        None => format!("Event: {name}"),
    }
}

/// Returns what a header may carry.
fn ascii(text: &str) -> String {
    let plain = |letter: char| {
        if letter.is_ascii_graphic() || letter == ' ' {
            letter
        } else {
            '?'
        }
    };
    text.chars().map(plain).collect()
}

/// Returns the user of `smtps://user@host`.
fn user(server: &str) -> String {
    let rest = server.split_once("://").map_or(server, |(_, rest)| rest);
    let user = rest.split_once('@').map(|(user, _)| user);
    user.unwrap_or_default().replace("%40", "@")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_used_says_why_and_no_secret_is_shown() {
        let outlet = Outlet::webhook("http://127.0.0.1:9/secret").unwrap();
        assert_eq!(format!("{outlet:?}"), "webhook");
        let to = ["b@example.org".to_owned()];
        let mail = |server: &str, from: &str| Outlet::mail(server, (from, &to), None);
        assert!(mail("smtp://127.0.0.1:9", "a@example.org").is_ok());
        assert!(mail("ftp://127.0.0.1:9", "a@example.org").is_err());
        assert!(mail("smtp://127.0.0.1:9", "nobody").is_err());
        assert_eq!(user("smtps://me%40here@mail.example"), "me@here");
        assert_eq!(user("smtp://mail.example:25"), "");
    }
}
