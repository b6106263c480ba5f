//! What is a PEM block and what is none.

use super::super::pem::{blocks, broken};
use super::super::{MAX_FILE_BYTES, ReadError};

/// The blocks of a text, as `label: contents`.
fn found(text: &str) -> Vec<String> {
    blocks(text.as_bytes())
        .unwrap()
        .iter()
        .map(|block| format!("{}: {}", block.label, String::from_utf8_lossy(&block.contents)))
        .collect()
}

const ONE: &str = "-----BEGIN ONE-----\nb25l\n-----END ONE-----\n";
const TWO: &str = "-----BEGIN TWO-----\ndHdv\n-----END TWO-----\n";

#[test]
fn blocks_are_found_wherever_they_are() {
    assert_eq!(found(&format!("{ONE}{TWO}")), ["ONE: one", "TWO: two"]);
    assert_eq!(found(&format!("words\n{ONE}more words\n{TWO}and more")), ["ONE: one", "TWO: two"]);
    assert_eq!(found(&ONE.replace('\n', "\r\n")), ["ONE: one"]);
    assert_eq!(found(&ONE.replace('\n', "  \n")), ["ONE: one"]);
    assert_eq!(found(ONE.trim_end()), ["ONE: one"]);
    assert_eq!(found(&ONE.replace("b25l", "b2\n5l\n")), ["ONE: one"]);
    assert_eq!(found(&ONE.replace("b25l", "b2 5l\t")), ["ONE: one"]);
    assert_eq!(found("-----BEGIN NONE-----\n-----END NONE-----\n"), ["NONE: "]);
}

#[test]
fn broken_blocks_are_passed_over() {
    for wrong in [
        ONE.replace("END ONE", "END TWO"),
        ONE.replace("b25l", "b25"),
        ONE.replace("b25l", "b2!l"),
        ONE.replace("b25l", "b25l=="),
        ONE.replace("b25l", "b25l=b25l"),
        ONE.replace("BEGIN ONE-----", "BEGIN ONE----"),
        ONE.replace("END ONE-----", "END ONE-----x"),
        ONE.replace("-----END ONE-----\n", ""),
        format!("x{ONE}"),
        ONE.replace('\n', "\r"),
    ] {
        assert_eq!(found(&wrong), [""; 0], "{wrong:?}");
        assert_eq!(found(&format!("{wrong}\n{TWO}")), ["TWO: two"], "{wrong:?}");
    }
}

#[test]
fn headers_are_read() {
    let text = "-----BEGIN ONE-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES,00\n\nb25l\n-----END ONE-----\n";
    let block = blocks(text.as_bytes()).unwrap().remove(0);
    assert_eq!(block.headers[0], ("Proc-Type".to_owned(), "4,ENCRYPTED".to_owned()));
    assert_eq!(block.contents.as_slice(), b"one");
    // With headers, there has to be a line of base64, or an empty one.
    assert_eq!(found("-----BEGIN ONE-----\nA: b\n-----END ONE-----\n"), [""; 0]);
}

#[test]
fn lines_are_counted_and_broken_ones_named() {
    let text = format!("{TWO}\n-----BEGIN CERTIFICATE-----\nb25l\n{ONE}");
    let blocks = blocks(text.as_bytes()).unwrap();
    assert_eq!(blocks.iter().map(|block| block.line).collect::<Vec<_>>(), [1, 7]);
    let broken = broken(text.as_bytes(), &blocks);
    assert_eq!(broken.len(), 1);
    assert_eq!((broken[0].label.as_str(), broken[0].line), ("CERTIFICATE", 5));
}

#[test]
fn a_block_is_not_shown() {
    let block = blocks(ONE.as_bytes()).unwrap().remove(0);
    insta::assert_debug_snapshot!(block, @r#"
    Block {
        label: "ONE",
        line: 1,
        bytes: 3,
        ..
    }
    "#);
}

#[test]
fn too_much_is_not_read() {
    let file = vec![b'\n'; MAX_FILE_BYTES + 1];
    assert_eq!(blocks(&file), Err(ReadError::TooBig { bytes: MAX_FILE_BYTES + 1 }));
    insta::assert_snapshot!(
        blocks(&file).unwrap_err(),
        @"1048577 bytes are too many for certificates; at most 1048576 are read"
    );
    assert_eq!(blocks(&file[1..]), Ok(vec![]));
}
