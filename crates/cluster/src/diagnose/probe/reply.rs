//! What is answered to the question of a probe.

use tercet_pki::doctor::Url;

/// The most that is read of an answer: a hundred members are 30 kB.
pub(super) const MAX_BYTES: usize = 256 * 1024;

/// A member, as another one knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerMember {
    /// Its id.
    pub id: u64,
    /// Its name; empty before its first start.
    pub name: String,
    /// Where the others reach it.
    pub peer_urls: Vec<Url>,
    /// Where clients reach it; empty before its first start.
    pub client_urls: Vec<Url>,
}

/// Whether the connection need not be read further: the length that was announced is there.
pub(super) fn is_whole(heard: &[u8]) -> bool {
    let Some((head, body)) = parts(heard) else { return false };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_it = name.eq_ignore_ascii_case("content-length");
        is_it.then(|| value.trim().parse::<usize>().ok())?
    });
    length.is_some_and(|length| body.len() >= length)
}

/// The body of a success.
pub(super) fn body(heard: &[u8]) -> Option<String> {
    let (head, body) = parts(heard)?;
    let status = head.split(' ').nth(1)?;
    (status == "200").then(|| String::from_utf8_lossy(body).into_owned())
}

fn parts(heard: &[u8]) -> Option<(&str, &[u8])> {
    let end = heard.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&heard[..end]).ok()?;
    head.starts_with("HTTP/1.").then_some((head, &heard[end + 4..]))
}

/// Whether this is how a server of TLS answers HTTP without: with an alert, or as Go does
/// (`net/http/server.go`, `Client sent an HTTP request to an HTTPS server.`).
pub(super) fn is_for_tls(heard: &[u8]) -> bool {
    const ALERT: u8 = 21;
    let is_alert = matches!(heard, [ALERT, 3, ..]);
    let text = String::from_utf8_lossy(&heard[..heard.len().min(512)]);
    is_alert || (text.contains(" 400 ") && text.contains("to an HTTPS server"))
}

/// What `/members` says (`server/etcdserver/api/etcdhttp/peer.go`, `membership.Member`).
pub(super) fn members(body: &str) -> Option<Vec<PeerMember>> {
    let json: serde_json::Value = serde_json::from_str(body).ok()?;
    let urls = |member: &serde_json::Value, key: &str| -> Vec<Url> {
        let urls = member.get(key).and_then(serde_json::Value::as_array);
        let urls = urls.into_iter().flatten().filter_map(serde_json::Value::as_str);
        urls.filter_map(|url| url.parse().ok()).collect()
    };
    json.as_array()?
        .iter()
        .map(|member| {
            Some(PeerMember {
                id: member.get("id")?.as_u64()?,
                name: member.get("name").and_then(|name| name.as_str()).unwrap_or_default().into(),
                peer_urls: urls(member, "peerURLs"),
                client_urls: urls(member, "clientURLs"),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_end_where_they_say() {
        let head = b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n";
        assert!(!is_whole(head));
        assert!(is_whole(&[head.as_slice(), b"{}"].concat()));
        assert_eq!(body(&[head.as_slice(), b"{}"].concat()).as_deref(), Some("{}"));
        assert_eq!(body(b"HTTP/1.0 404 Not Found\r\n\r\nno"), None);
        assert!(!is_whole(b"HTTP/1.0 200 OK\r\n\r\n{}"), "ends with the connection");
        assert!(!is_whole(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"));
    }

    #[test]
    fn servers_of_tls_say_so_where_there_is_none() {
        assert!(is_for_tls(&[21, 3, 1, 0, 2, 2, 22]));
        let go = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.";
        assert!(is_for_tls(go));
        assert!(!is_for_tls(b"HTTP/1.0 400 Bad Request\r\n\r\nno"));
    }

    #[test]
    fn members_as_etcd_writes_them() {
        let body = r#"[{"id":9372538179322589801,"peerURLs":["https://127.0.0.1:2380"],"name":"a",
            "clientURLs":["https://127.0.0.1:2379"]},{"id":1,"peerURLs":["http://10.0.0.1:1"]}]"#;
        let found = members(body).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].name, "a");
        assert_eq!(found[0].peer_urls[0].to_string(), "https://127.0.0.1:2380");
        assert_eq!(found[1].client_urls, []);
        assert_eq!(members("<html>"), None);
    }
}
