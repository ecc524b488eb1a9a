//! Exchanges, and whether a device is ready for a day without a network.
//!
//! Layer: node, cli, show.

use crate::local::protocol::{ReadyData, StatusData};

use super::table::clean;
use super::{add, when};

/// Says when an exchange was complete last, and when the cloud signed for more.
pub(in crate::cli) fn last_success(data: &StatusData) -> String {
    let mut text = String::new();
    if let Some(last) = &data.last_sync {
        let at = when::utc(last.at_unix_ms);
        let label = clean(&last.label);
        add(
            &mut text,
            format_args!("last exchange  {at} with {label}\n"),
        );
    }
    if let Some(at) = data.last_upload_unix_ms {
        let at = when::utc(at);
        add(&mut text, format_args!("last upload    {at}\n"));
    }
    text
}

/// Says how the cloud is reached, or why it is not; nothing where there is none.
pub(in crate::cli) fn cloud(data: &StatusData) -> String {
    let Some(cloud) = &data.cloud else {
        return String::new();
    };
    let how = match (&cloud.over, &cloud.why) {
        (Some(over), _) => format!("connected over {}", over.to_uppercase()),
        (None, Some(why)) => format!("not reached ({}): {}; {}", why.reason, why.text, why.fix),
        (None, None) => "not reached".to_owned(),
    };
    format!("cloud          {} {}\n", clean(&cloud.address), clean(&how))
}

/// Shows what is needed and what is here.
pub(in crate::cli) fn ready(data: &ReadyData) -> String {
    let mut text = String::new();
    if let Some(event) = &data.event {
        add(&mut text, format_args!("{}\n", clean(event)));
    }
    for line in &data.lines {
        let mark = if line.here < line.all { "-" } else { " " };
        add(
            &mut text,
            format_args!("{mark} {:<18} {}/{}\n", line.what, line.here, line.all),
        );
    }
    let missing = data.lines.iter().filter(|it| it.here < it.all);
    for line in missing {
        add(
            &mut text,
            format_args!("missing: {}: {}\n", line.what, clean(&line.fix)),
        );
    }
    text.push_str(if data.ready {
        "Ready for offline operation.\n"
    } else {
        "Not ready for offline operation.\n"
    });
    text
}
