use std::fs;

use super::*;
use crate::doctor::{FileState, Origin};
use crate::{Fleet, Layout};

const ETCD: Version = Version::new(3, 5, 1);

fn touch(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, "x").unwrap();
}

/// A directory with these files, looked at: who has what, in a line each.
fn seen(files: &[&str]) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let top = dir.path().join("etcd");
    for file in files {
        touch(&top.join(file));
    }
    let short = |path: &Path| match path.strip_prefix(&top) {
        Ok(path) => path.display().to_string(),
        Err(_) => format!("../{}", path.file_name().unwrap().display()),
    };
    let named = |path: &Option<PathBuf>| path.as_deref().map_or_else(|| "-".to_owned(), short);
    let looked = directory(&top).unwrap();
    let mut lines: Vec<_> = looked
        .members
        .iter()
        .map(|member| {
            let Settings { client, peer, name, .. } = &member.settings;
            format!(
                "{name}: {} {} {} | {} {} {}",
                named(&client.cert_file),
                named(&client.key_file),
                named(&client.trusted_ca_file),
                named(&peer.cert_file),
                named(&peer.key_file),
                named(&peer.trusted_ca_file),
            )
        })
        .collect();
    let path = |file: &Option<File>| named(&file.as_ref().map(|file| file.path.clone()));
    lines.extend(looked.clients.iter().map(|client| {
        let Client { trusted_ca_file, cert_file, key_file, .. } = client;
        format!("client: {} {} {}", path(cert_file), path(key_file), path(trusted_ca_file))
    }));
    lines.extend(looked.loose.iter().map(|file| format!("loose: {}", short(&file.path))));
    lines
}

#[test]
fn layouts_are_recognized() {
    let all = [
        (
            "ours, or a tutorial's",
            &[
                "ca.crt",
                "ca.key",
                "ca.srl",
                "client.crt",
                "client.key",
                "server.crt",
                "server.csr",
                "server.key",
            ][..],
        ),
        (
            "ours, per member",
            &[
                "ca.crt",
                "client.crt",
                "client.key",
                "a/server.crt",
                "a/server.key",
                "a/peer.crt",
                "a/peer.key",
                "b/server.crt",
                "b/server.key",
                "b/peer.crt",
                "b/peer.key",
                "b/data/x",
            ],
        ),
        (
            "kubeadm's",
            &[
                "ca.crt",
                "ca.key",
                "server.crt",
                "server.key",
                "peer.crt",
                "peer.key",
                "healthcheck-client.crt",
                "healthcheck-client.key",
                "../apiserver-etcd-client.crt",
                "../apiserver-etcd-client.key",
            ],
        ),
        (
            "Kubernetes', with kubeadm's below",
            &[
                "ca.crt",
                "apiserver.crt",
                "apiserver-kubelet-client.crt",
                "apiserver-etcd-client.crt",
                "apiserver-etcd-client.key",
                "etcd/ca.crt",
                "etcd/server.crt",
                "etcd/peer.crt",
                "etcd/healthcheck-client.crt",
                "etcd/healthcheck-client.key",
            ],
        ),
        (
            "an authority for each",
            &["server-ca.crt", "client-ca.crt", "server.crt", "client.crt", "client.key"],
        ),
        ("nobody's client", &["server.crt", "client.crt", "client.key"]),
        (
            "cfssl's",
            &[
                "ca.pem",
                "ca-key.pem",
                "server.pem",
                "server-key.pem",
                "member1.pem",
                "member1-key.pem",
                "client.pem",
                "client-key.pem",
                "ca-config.json",
            ],
        ),
        ("two authorities", &["ca.crt", "peer-ca.crt", "server.crt", "server.key", "peer.crt"]),
        ("nothing that is known", &["foo.pem", "foo.key", "revoked.crl"]),
    ];
    let all = all.map(|(what, files)| format!("{what}\n  {}", seen(files).join("\n  ")));
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn what_fleet_writes_is_found_again() {
    for layout in [Layout::PerMember, Layout::Shared] {
        let dir = tempfile::tempdir().unwrap();
        let pki = dir.path().join("pki");
        let fleet = Fleet::builder()
            .member("a", ["10.0.0.1"])
            .member("b", ["10.0.0.2"])
            .layout(layout)
            .build()
            .unwrap();
        let files = fleet.write(&pki).unwrap();
        let looked = directory(&pki).unwrap();
        let wanted = if layout == Layout::PerMember { 2 } else { 1 };
        assert_eq!((looked.members.len(), looked.clients.len()), (wanted, 1), "{layout:?}");
        let member = &looked.members[0];
        assert_eq!(member.settings.origin, Origin::Directory);
        assert_eq!(
            member.settings.client.cert_file,
            Some(files.members[0].server.certificate.clone())
        );
        assert_eq!(member.settings.peer.key_file, Some(files.members[0].peer.key.clone()));
        for file in &member.files {
            assert!(matches!(file.state, FileState::Present { .. }), "{file:?}");
        }
        assert!(looked.loose.is_empty(), "{:?}", looked.loose);
    }
}

#[test]
fn files_are_seen_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("a.key");
    touch(&key);
    let FileState::Present { contents, modified, mode } = file(&key).state else { panic!() };
    assert_eq!(&contents[..], b"x");
    assert!(modified.is_some() && mode.is_some() == cfg!(unix));
    assert_eq!(file(&dir.path().join("none")).state, FileState::Missing);
    assert_eq!(file(dir.path()).state, FileState::Unreadable("is a directory".to_owned()));
    let large = dir.path().join("large");
    fs::File::create(&large).unwrap().set_len(FILE_MAX_BYTES as u64 + 1).unwrap();
    assert!(matches!(file(&large).state, FileState::Unreadable(_)));
    #[cfg(unix)]
    assert!(matches!(file(Path::new("/dev/zero")).state, FileState::Unreadable(_)));
}

#[test]
fn relative_paths_begin_where_etcd_is_started() {
    let dir = tempfile::tempdir().unwrap();
    touch(&dir.path().join("pki/server.crt"));
    let flags = ["--cert-file=pki/server.crt", "--key-file=pki/server.key"];
    let member = arguments(flags, [], dir.path(), ETCD).unwrap();
    let states: Vec<_> = member.files.iter().map(|f| (f.path.as_path(), &f.state)).collect();
    assert!(
        matches!(states[0], (path, FileState::Present { .. }) if path == Path::new("pki/server.crt"))
    );
    assert!(matches!(states[1], (_, FileState::Missing)));

    let text = "client-transport-security: {cert-file: pki/server.crt}";
    fs::write(dir.path().join("etcd.yaml"), text).unwrap();
    let member = arguments(["--config-file", "etcd.yaml"], [], dir.path(), ETCD).unwrap();
    assert_eq!(member.files.len(), 1);
    assert!(matches!(member.files[0].state, FileState::Present { .. }));
    let member = config_file(&dir.path().join("etcd.yaml"), dir.path(), ETCD).unwrap();
    assert!(matches!(member.files[0].state, FileState::Present { .. }));
}

#[test]
fn what_cannot_be_looked_at_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let shown =
        |error: LookError| error.to_string().replace(&dir.path().display().to_string(), "DIR");
    touch(&dir.path().join("README.md"));
    insta::assert_snapshot!(
        shown(directory(dir.path()).unwrap_err()),
        @"DIR has no certificates: files are known by .crt, .cert, .cer, .pem, .key and .crl"
    );
    let none = dir.path().join("none");
    insta::assert_snapshot!(shown(directory(&none).unwrap_err()), @"DIR/none cannot be read");
    insta::assert_snapshot!(
        shown(config_file(&none, dir.path(), ETCD).unwrap_err()),
        @"DIR/none cannot be read"
    );
    insta::assert_snapshot!(
        shown(arguments(["gateway"], [], dir.path(), ETCD).unwrap_err()),
        @"the command line is not that of a member"
    );
    let large = dir.path().join("large.yaml");
    fs::write(&large, vec![b'#'; CONFIG_FILE_MAX_BYTES + 1]).unwrap();
    insta::assert_snapshot!(
        shown(config_file(&large, dir.path(), ETCD).unwrap_err()),
        @"DIR/large.yaml is not read as etcd's configuration"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_process_that_is_not_etcd_is_refused() {
    // The test itself.
    let error = process(std::process::id(), ETCD).unwrap_err();
    assert!(matches!(error, LookError::NotEtcd { .. }), "{error}");
    assert!(matches!(process(u32::MAX, ETCD), Err(LookError::Process { .. })));
}

#[test]
fn a_directory_of_much_else_is_looked_through() {
    let scratch = tempfile::tempdir().unwrap();
    let top = scratch.path();
    for index in 0..1100 {
        touch(&top.join(format!("a{index}.txt")));
    }
    touch(&top.join("server.crt"));
    touch(&top.join("infra1/server.crt"));
    assert_eq!(directory(top).unwrap().members.len(), 2);
    for index in 0..999 {
        touch(&top.join(format!("a{index}.crt")));
    }
    assert!(matches!(directory(top), Err(LookError::TooMany { .. })));
}
