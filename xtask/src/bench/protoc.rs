//! protoc as far as a build script asks for it: `.proto` files in, their descriptors out.
//!
//! etcd-client's build script calls the program that `PROTOC` names. When that is not set, it names
//! this one, by a link whose name says what it is called as: protox does the work, as it does for
//! our own generated code, and nobody has to install anything.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use lexopt::prelude::*;

use crate::Failure;

/// The name that this program is called by to be protoc.
const NAME: &str = "protoc";

/// Whether it was called so.
pub(crate) fn is_asked_for(program: Option<&OsString>) -> bool {
    program.is_some_and(|program| Path::new(program).file_stem().is_some_and(|stem| stem == NAME))
}

/// Puts a link to this program into a directory, and gives its path.
pub(super) fn link(directory: &Path) -> Result<PathBuf, Failure> {
    fs::create_dir_all(directory)?;
    let link = directory.join(format!("{NAME}{}", std::env::consts::EXE_SUFFIX));
    if link.exists() {
        fs::remove_file(&link)?;
    }
    let program = std::env::current_exe()?;
    // Another file system has no hard link to it.
    fs::hard_link(&program, &link).or_else(|_| fs::copy(&program, &link).map(drop))?;
    Ok(link)
}

/// What protoc would do with these arguments.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    let (mut includes, mut files, mut output) = (Vec::new(), Vec::new(), None);
    let (mut imports, mut source_info) = (false, false);
    while let Some(argument) = arguments.next()? {
        match argument {
            Short('I') => includes.push(PathBuf::from(arguments.value()?)),
            Short('o') => output = Some(PathBuf::from(arguments.value()?)),
            Long("include_imports") => imports = true,
            Long("include_source_info") => source_info = true,
            Value(file) => files.push(PathBuf::from(file)),
            other => return Err(other.unexpected().into()),
        }
    }
    let output = output.ok_or("protoc: only -o, a file of descriptors, is known here")?;
    let mut compiler = protox::Compiler::new(includes)?;
    compiler.include_imports(imports).include_source_info(source_info).open_files(files)?;
    fs::write(output, compiler.encode_file_descriptor_set())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_known_by_its_name() {
        for (name, is) in [("/a/protoc", true), ("protoc.exe", true), ("/a/xtask", false)] {
            assert_eq!(is_asked_for(Some(&OsString::from(name))), is, "{name}");
        }
        assert!(!is_asked_for(None));
    }

    #[test]
    fn descriptors_are_written() {
        let directory = tempfile::tempdir().unwrap();
        let (proto, out) = (directory.path().join("a.proto"), directory.path().join("out"));
        fs::write(&proto, "syntax = \"proto3\"; package told; message Told { bytes a = 1; }\n")
            .unwrap();
        let arguments = |proto: &Path| {
            let includes = directory.path().as_os_str().to_owned();
            let words = ["--include_imports".into(), "-o".into(), out.clone().into(), "-I".into()];
            let words: Vec<OsString> = words.into_iter().chain([includes, proto.into()]).collect();
            lexopt::Parser::from_args(words)
        };
        run(arguments(&proto)).unwrap();
        let written = fs::read(&out).unwrap();
        assert!(written.windows(4).any(|window| window == b"Told"), "{written:?}");

        fs::write(&proto, "syntax = \"proto3\"; message {}\n").unwrap();
        assert!(run(arguments(&proto)).is_err());
        assert!(run(lexopt::Parser::from_args(["a.proto"])).is_err());
    }
}
