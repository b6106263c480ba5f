//! Whoever drops the future of a function of the client knows what becomes of what it began.

/// By which it is said: of one that leaves nothing behind, and of one of which something may remain.
const SAID: [&str; 2] = ["Cancel safe", "Cancelling:"];

/// The public async functions of a file whose documentation does not say it.
///
/// Those of streams are among them, since each has a `next`.
pub(super) fn unsaid(text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut said = false;
    let mut in_example = false;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_start();
        if let Some(words) = line.strip_prefix("///") {
            let words = words.trim_start();
            in_example ^= words.starts_with("```");
            said |= !in_example && SAID.iter().any(|start| words.starts_with(start));
            continue;
        }
        if line.starts_with("#[") {
            continue;
        }
        if let Some(rest) = line.strip_prefix("pub async fn ")
            && !said
        {
            let name = rest.split(['(', '<']).next().unwrap_or(rest);
            let start = SAID.join("\" or \"");
            let line = index + 1;
            complaints.push(format!(
                "line {line}: `{name}` does not say what becomes of it when it is dropped: write a \
                 paragraph that begins with \"{start}\""
            ));
        }
        said = false;
        in_example = false;
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(doc: &[&str], signature: &str) -> Vec<String> {
        let doc: String = doc.iter().map(|line| format!("    /// {line}\n")).collect();
        unsaid(&format!("impl A {{\n{doc}    #[must_use]\n    {signature} {{}}\n}}\n"))
    }

    #[test]
    fn what_is_said_is_enough() {
        for words in ["Cancel safe.", "Cancel safe: it goes on.", "Cancelling: it may happen."] {
            let doc = ["Does it.", "", words, "", "# Errors"];
            assert_eq!(of(&doc, "pub async fn go(&self)"), Vec::<String>::new());
        }
        for signature in ["pub fn go(&self)", "async fn go(&self)", "pub(crate) async fn go(&self)"]
        {
            assert_eq!(of(&["Does it."], signature), Vec::<String>::new());
        }
    }

    #[test]
    fn what_is_not_said_is_told() {
        let told = of(&["Does it."], "pub async fn go<T>(&self)");
        assert_eq!(
            told,
            ["line 4: `go` does not say what becomes of it when it is dropped: write a paragraph \
              that begins with \"Cancel safe\" or \"Cancelling:\""]
        );
        assert_eq!(of(&[], "pub async fn go(&self)").len(), 1);
        // Somewhere in a sentence it may be about something else, and in an example it is code.
        assert_eq!(of(&["It is not Cancel safe."], "pub async fn go(&self)").len(), 1);
        let example = ["```", "Cancelling: all", "```"];
        assert_eq!(of(&example, "pub async fn go(&self)").len(), 1);
        // Of the function before it.
        let two = "/// Cancel safe.\npub async fn one() {}\npub async fn two() {}\n";
        assert_eq!(unsaid(two).len(), 1);
    }
}
