//! What the bytes of a file are.

use super::Content;
use crate::read::der::{Reader, SEQUENCE};
use crate::read::{
    Block, CertificateDetails, PrivateKeyDetails, ReadError, RequestDetails, RevocationListDetails,
    pem,
};

/// Said of a file that was asked for by name and holds nothing of ours.
pub(super) const NOTHING: &str =
    "there is no certificate, key, request or revocation list in it, neither as PEM nor as DER";

/// Everything that is in a file; empty if it is none of ours.
pub(super) fn contents(file: &[u8]) -> Result<Vec<Content>, ReadError> {
    let blocks = pem::blocks(file)?;
    let broken = pem::broken(file, &blocks);
    if blocks.is_empty() && broken.is_empty() {
        return Ok(der(file).into_iter().collect());
    }
    let mut contents: Vec<(usize, Content)> =
        blocks.iter().filter_map(|block| Some((block.line, of_block(block)?))).collect();
    for block in broken {
        let line = block.line;
        let error = ReadError::Unfinished { label: block.label }.in_line(line);
        contents.push((line, Content::Broken(error)));
    }
    contents.sort_by_key(|(line, _)| *line);
    Ok(contents.into_iter().map(|(_, content)| content).collect())
}

/// What a block is, if it is one of ours.
fn of_block(block: &Block) -> Option<Content> {
    let der = &block.contents;
    let content = if block.is_certificate() {
        CertificateDetails::parse(der).map(|found| Content::Certificate(Box::new(found)))
    } else if block.is_private_key() {
        PrivateKeyDetails::from_block(block).map(|found| Content::PrivateKey(Box::new(found)))
    } else if block.is_request() {
        RequestDetails::parse(der).map(|found| Content::Request(Box::new(found)))
    } else if block.is_revocation_list() {
        RevocationListDetails::from_block(block)
            .map(|found| Content::RevocationList(Box::new(found)))
    } else {
        return None;
    };
    Some(content.unwrap_or_else(|error| Content::Broken(error.in_line(block.line))))
}

/// What a file in DER is. One kind is never taken for another: what follows the first field is of
/// different kinds.
fn der(file: &[u8]) -> Option<Content> {
    // Most files that are not ours end here.
    let mut reader = Reader::new(file);
    reader.element(SEQUENCE)?;
    if !reader.is_empty() {
        return None;
    }
    let certificate = CertificateDetails::parse(file).map(|it| Content::Certificate(Box::new(it)));
    certificate
        .or_else(|_| {
            RevocationListDetails::parse(file).map(|it| Content::RevocationList(Box::new(it)))
        })
        .or_else(|_| RequestDetails::parse(file).map(|it| Content::Request(Box::new(it))))
        .or_else(|_| PrivateKeyDetails::parse(file).map(|it| Content::PrivateKey(Box::new(it))))
        .ok()
}
