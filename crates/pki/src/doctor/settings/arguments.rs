//! Settings from a command line and an environment.

use std::ffi::OsString;

use super::told::{Language, Told};
use super::{Origin, Problem, Settings};
use crate::etcd::{Flag, Version, boolean};

/// What no settings can be had from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArgumentsError {
    /// `etcd gateway`, `etcd grpc-proxy`: other programs under etcd's name.
    #[error("'etcd {subcommand}' is not a member of a fleet: give the command line of a member")]
    Subcommand {
        /// `gateway` or `grpc-proxy`.
        subcommand: String,
    },
    /// Another program.
    #[error("'{program}' is not etcd: give the command line of a member")]
    NotEtcd {
        /// As it is written.
        program: String,
    },
    /// `--help` and `--version`: etcd prints and ends.
    #[error("with '{argument}' etcd prints and ends: leave it out")]
    Prints {
        /// As it is written.
        argument: String,
    },
    /// Bytes that are not UTF-8.
    #[error("{what} is not UTF-8: {lossy}")]
    NotUtf8 {
        /// Which argument, or which variable.
        what: String,
        /// As far as it can be shown.
        lossy: String,
    },
}

impl Settings {
    /// What an etcd of `version` makes of its command line and its environment.
    ///
    /// `arguments` may begin with the program. Variables that are not etcd's may be among the
    /// `environment`. Flags are read by the rules of Go's `flag` package: one dash or two, a value
    /// after `=` or as the next argument, none for a boolean but after `=`; the last of several
    /// counts.
    ///
    /// etcd stops at the first mistake. Here it is noted among the
    /// [`problems`](Self::problems), and the rest is read as if it were mended, so that all
    /// mistakes are found at once.
    ///
    /// With `--config-file` etcd ignores all else: then [`Self::config_file`] names the file, and
    /// its contents are for [`Self::with_config_file`].
    ///
    /// # Errors
    ///
    /// [`ArgumentsError`] if it is not the command line of a member.
    pub fn from_arguments<A, E>(
        arguments: A,
        environment: E,
        version: Version,
    ) -> Result<Self, ArgumentsError>
    where
        A: IntoIterator,
        A::Item: Into<OsString>,
        E: IntoIterator<Item = (OsString, OsString)>,
    {
        let arguments = arguments.into_iter().enumerate().map(|(index, argument)| {
            argument.into().into_string().map_err(|argument| ArgumentsError::NotUtf8 {
                what: format!("argument {}", index + 1),
                lossy: argument.to_string_lossy().into_owned(),
            })
        });
        let arguments = arguments.collect::<Result<Vec<_>, _>>()?;
        let variables = variables(environment)?;
        let mut told = Told::new(version, Origin::CommandLine);
        flags(&mut told, without_program(&arguments)?)?;

        let file = told.text("config-file").filter(|path| !path.is_empty()).map(str::to_owned);
        let named = variables.iter().find(|(name, _)| name == "ETCD_CONFIG_FILE");
        let file = file.or_else(|| named.map(|(_, path)| path.clone())).filter(|p| !p.is_empty());
        if let Some(file) = file {
            told.ignore_all_but_file(&variables);
            let mut settings = Self::build(told);
            settings.config_file = Some(file.into());
            return Ok(settings);
        }
        take_variables(&mut told, &variables);
        Ok(Self::build(told))
    }
}

/// etcd's own variables, by name. Others may hold what they like.
fn variables(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Vec<(String, String)>, ArgumentsError> {
    let mut variables = Vec::new();
    for (name, value) in environment {
        let Some(name) = name.to_str().filter(|name| name.starts_with("ETCD_")) else { continue };
        let value = value.into_string().map_err(|value| ArgumentsError::NotUtf8 {
            what: name.to_owned(),
            lossy: value.to_string_lossy().into_owned(),
        })?;
        variables.push((name.to_owned(), value));
    }
    variables.sort();
    Ok(variables)
}

/// The arguments after the program, if it is there.
fn without_program(arguments: &[String]) -> Result<&[String], ArgumentsError> {
    let mut rest = arguments;
    if let [first, after @ ..] = arguments
        && !first.starts_with('-')
    {
        let name = first.rsplit(['/', '\\']).next().unwrap_or(first);
        let stem = name.strip_suffix(".exe").unwrap_or(name);
        if stem == "etcd" || stem.starts_with("etcd-") || stem.starts_with("etcd_") {
            rest = after;
        } else if matches!(stem, "etcdctl" | "etcdutl") || name.len() < first.len() {
            return Err(ArgumentsError::NotEtcd { program: first.clone() });
        }
    }
    match rest {
        // etcd looks at its first argument only.
        [first, ..] if first == "gateway" || first == "grpc-proxy" => {
            Err(ArgumentsError::Subcommand { subcommand: first.clone() })
        }
        _ => Ok(rest),
    }
}

/// Walks the command line as Go's `flag` package does.
fn flags(told: &mut Told, arguments: &[String]) -> Result<(), ArgumentsError> {
    let mut rest = arguments;
    let mut previous: Option<&'static Flag> = None;
    while let [argument, after @ ..] = rest {
        rest = after;
        let stands_before = previous.take();
        if argument.len() < 2 || !argument.starts_with('-') {
            not_a_flag(told, argument, stands_before);
            continue;
        }
        if argument == "--" {
            // What follows is not read by anyone: etcd refuses the first of it.
            if let Some(first) = rest.first() {
                not_a_flag(told, first, None);
            }
            return Ok(());
        }
        let body = argument.strip_prefix("--").unwrap_or_else(|| &argument[1..]);
        if body.starts_with(['-', '=']) {
            told.problems.push(Problem::Invalid {
                setting: argument.clone(),
                value: String::new(),
                today: format!("bad flag syntax: {argument}"),
                fix: format!("write --{}", body.trim_start_matches(['-', '='])),
            });
            continue;
        }
        let (name, mut value) = match body.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (body, None),
        };
        let flag = Flag::named(name);
        if matches!(name, "help" | "h") || (name == "version" && value.is_none()) {
            return Err(ArgumentsError::Prints { argument: argument.clone() });
        }
        let stands_alone = flag.is_some_and(Flag::stands_alone);
        if value.is_none() && !stands_alone {
            // The next argument, whatever it looks like; but after a name that nobody knows only
            // if it looks like a value.
            let next = rest.first().filter(|next| flag.is_some() || !next.starts_with('-'));
            if let Some(next) = next {
                value = Some(next);
                rest = &rest[1..];
            }
        }
        match flag.filter(|flag| flag.is_in(told.version)) {
            None => {
                told.unknown(name, value.or_else(|| stands_alone.then_some("true")), Language::Flag)
            }
            Some(flag) if stands_alone => {
                told.take(flag, value.unwrap_or("true"), Language::Flag);
                previous = value.is_none().then_some(flag);
            }
            Some(flag) => match value {
                Some(value) => told.take(flag, value, Language::Flag),
                None => told.problems.push(Problem::Invalid {
                    setting: format!("--{name}"),
                    value: String::new(),
                    today: format!("flag needs an argument: -{name}"),
                    fix: format!("write --{name}=VALUE"),
                }),
            },
        }
    }
    Ok(())
}

/// An argument that is neither a flag nor the value of one. Mostly it is a boolean's: Go reads
/// `--client-cert-auth true` as a flag and something else, and etcd refuses that.
fn not_a_flag(told: &mut Told, argument: &str, before: Option<&'static Flag>) {
    // 3.4 and 3.5 write it in single quotes, later ones in double.
    let shown = if told.version < Version::new(3, 6, 0) {
        format!("'{argument}'")
    } else {
        format!("{argument:?}")
    };
    let today = format!("{shown} is not a valid flag");
    let is_boolean = boolean(argument).is_some();
    let problem = match before.filter(|_| is_boolean) {
        Some(flag) => {
            let setting = Language::Flag.write(flag.name());
            told.set(flag.name(), argument, setting.clone());
            let fix = format!("write {setting}={argument}");
            Problem::Invalid { setting, value: argument.to_owned(), today, fix }
        }
        None => Problem::Invalid {
            setting: argument.to_owned(),
            value: String::new(),
            today,
            fix: format!("leave {argument:?} out, or write the flag that it belongs to before it"),
        },
    };
    told.problems.push(problem);
}

/// Takes what the environment says where the command line says nothing, as etcd's
/// `pkg/flags/flag.go` does: an empty variable is as none, but not where its flag is set too.
fn take_variables(told: &mut Told, variables: &[(String, String)]) {
    for (variable, value) in variables {
        let name = flag_of(variable);
        match Flag::named(&name).filter(|flag| flag.is_in(told.version)) {
            Some(flag) if told.get(flag.name()).is_some_and(|v| v.setting.starts_with("--")) => {
                told.problems.push(Problem::Shadowed {
                    variable: variable.clone(),
                    flag: format!("--{name}"),
                });
            }
            Some(_) if value.is_empty() => {}
            Some(flag) => told.take(flag, value, Language::Variable),
            // Clusters of containers put variables there for a service called etcd; so only what
            // is, or is almost, a flag's.
            None if is_meant(told, &name) => told.unknown(&name, Some(value), Language::Variable),
            None => {}
        }
    }
}

fn flag_of(variable: &str) -> String {
    variable.strip_prefix("ETCD_").unwrap_or(variable).to_ascii_lowercase().replace('_', "-")
}

/// Whether a variable that no flag of this version has the name of is meant for etcd.
fn is_meant(told: &mut Told, name: &str) -> bool {
    Flag::named(name).is_some() || told.similar(name).is_some()
}

impl Told {
    /// With `--config-file` nothing else counts; etcd says so in a line of its log, at most.
    fn ignore_all_but_file(&mut self, variables: &[(String, String)]) {
        let flags = self.drain().filter(|(name, _)| *name != "config-file");
        let mut ignored: Vec<_> = flags.map(|(_, value)| value.setting).collect();
        ignored.extend(variables.iter().filter_map(|(variable, value)| {
            let flag = Flag::named(&flag_of(variable))?;
            (!value.is_empty() && flag.name() != "config-file").then(|| variable.clone())
        }));
        self.problems.extend(ignored.into_iter().map(|setting| Problem::Ignored {
            setting,
            because: "--config-file makes etcd ignore every other flag and variable".to_owned(),
        }));
    }
}
