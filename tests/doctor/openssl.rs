//! Certificates as people make them with openssl, among them those that our own issuer refuses to
//! make.

use std::path::{Path, PathBuf};

use tercet_tests::command;

/// What a certificate made by openssl shall be. The default is a sound one for a member.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish<'a> {
    /// `subjectAltName`, in openssl's words; empty: none.
    pub(crate) names: &'a str,
    /// `extendedKeyUsage`; empty: none.
    pub(crate) usages: &'a str,
    /// Further lines of extensions.
    pub(crate) more: &'a str,
    /// From when to when, in openssl's `YYYYMMDDHHMMSSZ`.
    pub(crate) valid: Option<(&'a str, &'a str)>,
    /// The key, as `openssl genpkey` is told.
    pub(crate) key: &'a [&'a str],
    /// The digest of the signature.
    pub(crate) digest: &'a str,
    /// The serial number in hexadecimal; empty: a random one.
    pub(crate) serial: &'a str,
    /// Whether it is an authority.
    pub(crate) authority: bool,
}

impl Default for Wish<'_> {
    fn default() -> Self {
        Self {
            names: "DNS:localhost,IP:127.0.0.1",
            usages: "serverAuth,clientAuth",
            more: "",
            valid: None,
            key: P256,
            digest: "sha256",
            serial: "",
            authority: false,
        }
    }
}

/// A sound authority.
pub(crate) const AUTHORITY: Wish<'_> = Wish {
    names: "",
    usages: "",
    more: "keyUsage=critical,keyCertSign,cRLSign\n",
    valid: None,
    key: P256,
    digest: "sha256",
    serial: "",
    authority: true,
};

pub(crate) const P256: &[&str] = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];

/// Long ago, and still in the past.
pub(crate) const PAST: (&str, &str) = ("20200101000000Z", "20210101000000Z");

/// An authority that signs with `openssl ca`.
#[derive(Clone, Debug)]
pub(crate) struct Openssl {
    directory: PathBuf,
    stem: String,
}

impl Openssl {
    /// The authority whose certificate and key are `stem.crt` and `stem.key` in `directory`.
    pub(crate) fn at(directory: &Path, stem: &str) -> Self {
        let this = Self { directory: directory.to_owned(), stem: stem.to_owned() };
        let database = format!("{stem}.index");
        std::fs::write(directory.join(&database), "").unwrap();
        std::fs::write(directory.join(format!("{database}.attr")), "unique_subject = no\n")
            .unwrap();
        let configuration = format!(
            "[ca]\ndefault_ca=this\n[this]\ndatabase={database}\nnew_certs_dir=.\nrand_serial=yes\n\
             default_md=sha256\ndefault_days=365\ndefault_crl_days=30\npolicy=any\n\
             unique_subject=no\n[any]\ncommonName=supplied\n\
             [req]\ndistinguished_name=dn\n[dn]\n\
             [list]\nauthorityKeyIdentifier=keyid:always\n"
        );
        std::fs::write(directory.join(format!("{stem}.cnf")), configuration).unwrap();
        this
    }

    /// Makes an authority that signs itself, as `stem.crt` and `stem.key`.
    pub(crate) fn new(directory: &Path, stem: &str, common_name: &str, wish: Wish<'_>) -> Self {
        let this = Self::at(directory, stem);
        this.request(stem, common_name, wish);
        this.ca(stem, wish, &["-selfsign", "-keyfile", &format!("{stem}.key")]);
        this
    }

    /// Issues `stem.crt` and `stem.key`, over what is there.
    pub(crate) fn issue(&self, stem: &str, common_name: &str, wish: Wish<'_>) {
        self.request(stem, common_name, wish);
        let (certificate, key) = (format!("{}.crt", self.stem), format!("{}.key", self.stem));
        self.ca(stem, wish, &["-cert", &certificate, "-keyfile", &key]);
    }

    /// Makes another authority, signed by this one.
    pub(crate) fn intermediate(&self, stem: &str, common_name: &str, wish: Wish<'_>) -> Self {
        self.issue(stem, common_name, wish);
        Self::at(&self.directory, stem)
    }

    /// Revokes `certificate`; [`crl`](Self::crl) then lists it.
    pub(crate) fn revoke(&self, certificate: &str) {
        self.run(&["ca", "-config", &self.configuration(), "-revoke", certificate], true);
    }

    /// Writes the list of what is revoked to `name`, in PEM, or in DER if its name ends in `.der`.
    pub(crate) fn crl(&self, name: &str, more: &[&str]) {
        // With extensions it is of version 2.
        self.crl_of_version_1(name, &[&["-crlexts", "list"], more].concat());
    }

    /// The same as openssl writes it when it is not told more: version 1.
    pub(crate) fn crl_of_version_1(&self, name: &str, more: &[&str]) {
        let configuration = self.configuration();
        let mut words = vec!["ca", "-config", &configuration, "-gencrl", "-out", name];
        words.extend(more);
        self.run(&words, true);
        if name.ends_with(".der") {
            openssl(&self.directory, &["crl", "-in", name, "-outform", "DER", "-out", name]);
        }
    }

    fn request(&self, stem: &str, common_name: &str, wish: Wish<'_>) {
        let (key, request) = (format!("{stem}.key"), format!("{stem}.csr"));
        let mut words = vec!["genpkey", "-out", &key];
        words.extend(wish.key);
        openssl(&self.directory, &words);
        let subject = format!("/CN={common_name}");
        let configuration = self.configuration();
        let words = ["req", "-new", "-config", &configuration, "-key", &key, "-subj", &subject];
        openssl(&self.directory, &[&words[..], &["-out", &request]].concat());
        set_owner_only(&self.directory.join(key));
    }

    fn ca(&self, stem: &str, wish: Wish<'_>, more: &[&str]) {
        let extensions = format!("{stem}.ext");
        let line = |name: &str, value: &str| match value {
            "" => String::new(),
            value => format!("{name}={value}\n"),
        };
        let kind = if wish.authority { "critical,CA:TRUE" } else { "CA:FALSE" };
        let text = format!(
            "[x]\n{}{}{}{}",
            if wish.more.contains("basicConstraints") {
                String::new()
            } else {
                line("basicConstraints", kind)
            },
            line("subjectAltName", wish.names),
            line("extendedKeyUsage", wish.usages),
            wish.more
        );
        let identifiers = "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n";
        std::fs::write(self.directory.join(&extensions), text + identifiers).unwrap();
        let (request, certificate) = (format!("{stem}.csr"), format!("{stem}.crt"));
        let configuration = self.configuration();
        let mut words = vec!["ca", "-batch", "-notext", "-config", &configuration];
        words.extend(["-extfile", &extensions, "-extensions", "x", "-md", wish.digest]);
        words.extend(["-in", &request, "-out", &certificate]);
        if let Some((from, until)) = wish.valid {
            words.extend(["-startdate", from, "-enddate", until]);
        }
        let serial = format!("{}.serial", self.stem);
        if !wish.serial.is_empty() {
            std::fs::write(self.directory.join(&serial), wish.serial).unwrap();
            // It refuses a number that is in its database.
            let database = format!("{}.index", self.stem);
            std::fs::write(self.directory.join(database), "").unwrap();
            let text = std::fs::read_to_string(self.directory.join(&configuration)).unwrap();
            let text = text.replace("rand_serial=yes", &format!("serial={serial}"));
            std::fs::write(self.directory.join(&configuration), text).unwrap();
        }
        words.extend(more);
        openssl(&self.directory, &words);
    }

    fn configuration(&self) -> String {
        format!("{}.cnf", self.stem)
    }

    fn run(&self, words: &[&str], with_authority: bool) {
        let (certificate, key) = (format!("{}.crt", self.stem), format!("{}.key", self.stem));
        let mut words = words.to_vec();
        if with_authority {
            words.extend(["-cert", &certificate, "-keyfile", &key]);
        }
        openssl(&self.directory, &words);
    }
}

/// Runs openssl in `directory`.
pub(crate) fn openssl(directory: &Path, words: &[&str]) {
    let output = command("openssl").args(words).current_dir(directory).output();
    let output = output.expect("openssl is on the PATH");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {}: {error}", words.join(" "));
}

fn set_owner_only(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}
