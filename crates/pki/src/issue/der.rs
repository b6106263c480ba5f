//! Changing a certificate that is signed already: what rcgen has no word for.
//!
//! rcgen writes sound version 3 certificates and keeps one value of each attribute of a name. An
//! authority that openssl made may have two organizational units, and a deliberately wrong
//! certificate may have no version. So what rcgen signed is taken apart here into the fields of
//! RFC 5280 section 4.1, some are replaced as they are in DER, and the rest is signed again.

use rcgen::SigningKey;

/// What can be met in a certificate; RFC 5280 appendix A and X.690.
pub(crate) mod tag {
    pub(crate) const BOOLEAN: u8 = 0x01;
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const BIT_STRING: u8 = 0x03;
    pub(crate) const OCTET_STRING: u8 = 0x04;
    pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
    pub(crate) const SEQUENCE: u8 = 0x30;
    /// `version` of a certificate.
    pub(crate) const VERSION: u8 = 0xa0;
    /// `extensions` of a certificate.
    pub(crate) const EXTENSIONS: u8 = 0xa3;
}

/// Why bytes are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a certificate is not in DER: {0}")]
pub(crate) struct DerError(&'static str);

/// One element: its tag, its content, and both with the length between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
    pub(crate) whole: &'a [u8],
}

impl<'a> Element<'a> {
    /// The one element that `der` is, with nothing after it.
    pub(crate) fn only(der: &'a [u8], tag: u8) -> Result<Self, DerError> {
        let mut elements = Elements::new(der);
        let element = elements.expect(tag)?;
        elements.finish()?;
        Ok(element)
    }

    /// What is in it, if it is made of elements.
    pub(crate) fn elements(&self) -> Elements<'a> {
        Elements::new(self.content)
    }
}

/// Elements one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Elements<'a> {
    rest: &'a [u8],
}

impl<'a> Elements<'a> {
    pub(crate) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    /// The next element; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Element<'a>>, DerError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let element = split(self.rest)?;
        self.rest = &self.rest[element.whole.len()..];
        Ok(Some(element))
    }

    /// The next element, which must have this tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Result<Element<'a>, DerError> {
        match self.next()? {
            Some(element) if element.tag == tag => Ok(element),
            Some(_) => Err(DerError("an element is of another kind than it must be")),
            None => Err(DerError("an element is missing")),
        }
    }

    /// The next element if it has this tag; otherwise nothing is read.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, DerError> {
        if self.rest.first() == Some(&tag) { self.next() } else { Ok(None) }
    }

    /// Nothing may be left.
    pub(crate) fn finish(self) -> Result<(), DerError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DerError("there is more than there may be")) }
    }
}

/// The first element of `der`, which is not empty.
fn split(der: &[u8]) -> Result<Element<'_>, DerError> {
    const SHORT: DerError = DerError("it ends too early");
    let (&tag, rest) = der.split_first().ok_or(SHORT)?;
    if tag & 0x1f == 0x1f {
        return Err(DerError("a tag has more than one byte, and no certificate has such"));
    }
    let (&first, rest) = rest.split_first().ok_or(SHORT)?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // One to four bytes of length: 4 GiB.
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f)).ok_or(SHORT)?;
            let length = bytes.iter().fold(0, |length, &byte| length << 8 | u32::from(byte));
            let length = usize::try_from(length).map_err(|_| SHORT)?;
            if bytes[0] == 0 || length < 0x80 {
                return Err(DerError("a length is longer than it need be"));
            }
            (length, rest)
        }
        _ => return Err(DerError("a length is indefinite or absurd")),
    };
    let content = rest.get(..length).ok_or(SHORT)?;
    let head = der.len() - rest.len();
    Ok(Element { tag, content, whole: &der[..head + length] })
}

/// An element of this content.
pub(crate) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    sequence(tag, [content])
}

/// An element made of elements.
pub(crate) fn sequence<'a>(tag: u8, parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let parts: Vec<_> = parts.into_iter().collect();
    let length = parts.iter().map(|part| part.len()).sum::<usize>();
    // All at once: a vector that grows leaves copies behind, and the content may be a key.
    let mut der = Vec::with_capacity(length + 10);
    der.push(tag);
    if length < 0x80 {
        der.push(length as u8);
    } else {
        let bytes = length.to_be_bytes();
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        der.push(0x80 | (bytes.len() - zeros) as u8);
        der.extend(&bytes[zeros..]);
    }
    for part in parts {
        der.extend_from_slice(part);
    }
    der
}

/// A `TBSCertificate`, taken apart. Each field is a whole element, tag and length included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ToBeSigned {
    /// `None`: version 1.
    pub(crate) version: Option<Vec<u8>>,
    pub(crate) serial: Vec<u8>,
    /// The signature's algorithm. Whoever has another authority sign replaces it by that
    /// authority's ([`ToBeSigned::read`] of anything that rcgen signed with its key).
    pub(crate) algorithm: Vec<u8>,
    pub(crate) issuer: Vec<u8>,
    pub(crate) validity: Vec<u8>,
    pub(crate) subject: Vec<u8>,
    pub(crate) public_key: Vec<u8>,
    /// Each a `SEQUENCE`. None at all: the field is left out.
    pub(crate) extensions: Vec<Vec<u8>>,
}

impl ToBeSigned {
    /// Takes a certificate apart. Its signature is dropped.
    pub(crate) fn read(certificate: &[u8]) -> Result<Self, DerError> {
        let mut outer = Element::only(certificate, tag::SEQUENCE)?.elements();
        let mut fields = outer.expect(tag::SEQUENCE)?.elements();
        outer.expect(tag::SEQUENCE)?;
        outer.expect(tag::BIT_STRING)?;
        outer.finish()?;

        let version = fields.optional(tag::VERSION)?.map(|version| version.whole.to_vec());
        let mut field = |tag| fields.expect(tag).map(|field| field.whole.to_vec());
        let mut read = Self {
            version,
            serial: field(tag::INTEGER)?,
            algorithm: field(tag::SEQUENCE)?,
            issuer: field(tag::SEQUENCE)?,
            validity: field(tag::SEQUENCE)?,
            subject: field(tag::SEQUENCE)?,
            public_key: field(tag::SEQUENCE)?,
            extensions: Vec::new(),
        };
        // The unique identifiers of version 2 would come first. Nobody has written them in thirty
        // years, and RFC 5280 forbids them: they are "another kind".
        if let Some(extensions) = fields.next()? {
            let list = Element::only(extensions.content, tag::SEQUENCE)?;
            if extensions.tag != tag::EXTENSIONS {
                return Err(DerError("there are unique identifiers, which are not understood"));
            }
            let mut list = list.elements();
            while let Some(extension) = list.next()? {
                read.extensions.push(extension.whole.to_vec());
            }
        }
        fields.finish()?;
        Ok(read)
    }

    /// The extension of this object identifier (its content alone), as a whole element.
    pub(crate) fn extension(&self, identifier: &[u8]) -> Option<&[u8]> {
        self.extensions.iter().find(|extension| is(extension, identifier)).map(Vec::as_slice)
    }

    /// Removes the extension of this object identifier: for tests of what reads certificates.
    #[cfg(all(test, feature = "read"))]
    pub(crate) fn remove_extension(&mut self, identifier: &[u8]) {
        self.extensions.retain(|extension| !is(extension, identifier));
    }

    /// The `TBSCertificate`.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let extensions = if self.extensions.is_empty() {
            Vec::new()
        } else {
            let list = sequence(tag::SEQUENCE, self.extensions.iter().map(Vec::as_slice));
            element(tag::EXTENSIONS, &list)
        };
        let version = self.version.as_deref().unwrap_or_default();
        let fields = [
            version,
            &self.serial,
            &self.algorithm,
            &self.issuer,
            &self.validity,
            &self.subject,
            &self.public_key,
            &extensions,
        ];
        sequence(tag::SEQUENCE, fields)
    }

    /// The certificate, signed with `key`, whose algorithm must be [`ToBeSigned::algorithm`].
    pub(crate) fn sign(&self, key: &impl SigningKey) -> Result<Vec<u8>, rcgen::Error> {
        let tbs = self.encode();
        let signature = key.sign(&tbs)?;
        // No unused bits.
        let signature = element(tag::BIT_STRING, &[&[0][..], &signature].concat());
        Ok(sequence(tag::SEQUENCE, [&*tbs, &self.algorithm, &signature]))
    }
}

/// Whether this `Extension` has this object identifier.
fn is(extension: &[u8], identifier: &[u8]) -> bool {
    let first = Element::only(extension, tag::SEQUENCE)
        .and_then(|extension| extension.elements().expect(tag::OBJECT_IDENTIFIER));
    first.is_ok_and(|first| first.content == identifier)
}

#[cfg(test)]
mod tests;
