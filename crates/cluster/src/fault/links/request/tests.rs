use super::*;
use crate::fault::dice::SplitMix64;

const GOOD: &str = "CONNECT 192.0.2.1:2380 HTTP/1.1\r\nHost: 192.0.2.1:2380\r\n\
                    User-Agent: Go-http-client/1.1\r\nProxy-Authorization: Basic bTE6cw==\r\n\r\n";

#[test]
fn base64_is_that_of_the_rfc() {
    let cases = [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
        ("\u{ff}\u{3ff}", "w7/Pvw=="),
    ];
    for (plain, coded) in cases {
        assert_eq!(base64(plain.as_bytes()), coded);
    }
}

#[test]
fn what_go_sends_is_understood() {
    let request =
        Request { destination: "192.0.2.1:2380".parse().unwrap(), credential: "Basic bTE6cw==" };
    assert_eq!(parse(GOOD.as_bytes()), Ok(request));
    let shouting = GOOD.replace("Proxy-Authorization: ", "PROXY-AUTHORIZATION:");
    assert_eq!(parse(shouting.as_bytes()).unwrap().credential, "Basic bTE6cw==");
}

#[test]
fn whatever_is_sent_is_understood_as_it_is_or_refused() {
    let mut dice = SplitMix64::seeded(7);
    let (mut understood, mut refused) = (0, 0);
    for _ in 0..100_000 {
        let mut bytes = GOOD.as_bytes().to_vec();
        for _ in 0..=dice.below(3) {
            let at = dice.below(bytes.len() as u64) as usize;
            match dice.below(4) {
                0 => bytes[at] = dice.next() as u8,
                1 => bytes.insert(at, b" \r\n:\0\xff"[dice.below(6) as usize]),
                2 => drop(bytes.remove(at)),
                _ => bytes.truncate(at.max(8)),
            }
        }
        match parse(&bytes) {
            Ok(request) => {
                understood += 1;
                // What it takes for a destination or a credential is in it, letter by letter.
                let text = String::from_utf8(bytes.clone()).unwrap();
                let words: Vec<_> = text.split(' ').collect();
                assert_eq!((words[0], words[1].parse()), ("CONNECT", Ok(request.destination)));
                assert!(text.contains(request.credential));
            }
            Err(_) => refused += 1,
        }
    }
    assert!(understood > 1000 && refused > 1000, "{understood} and {refused}");
}
