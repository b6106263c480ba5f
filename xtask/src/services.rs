//! `cargo xtask proto`: the calls of a service, on the client's own connections.

use std::fmt::Write as _;

use prost_build::{Method, Service, ServiceGenerator};

/// Writes a struct for each service, with a method for each of its calls.
///
/// tonic's generator would write it over any transport and with each of tonic's options; the client
/// has one transport, and knows more of it than tonic's interface lets through.
#[derive(Debug)]
pub(crate) struct Clients;

impl ServiceGenerator for Clients {
    fn generate(&mut self, service: Service, code: &mut String) {
        let name = &service.name;
        let module = format!("{}_client", snake_case(name));
        let mut text = format!(
            "/// The calls of the service `{name}`.
pub mod {module} {{
    #![allow(dead_code, reason = \"some calls nobody makes\")]
    use crate::transport::channel::Channel;
    #[derive(Debug)]
    pub struct {name}Client(Channel);
    impl {name}Client {{
        pub fn new(channel: Channel) -> Self {{
            Self(channel)
        }}
"
        );
        for method in &service.methods {
            text.push_str(&call(&service, method));
        }
        text.push_str("    }\n}\n");
        code.push_str(&text);
    }
}

fn call(service: &Service, method: &Method) -> String {
    let path = format!("/{}.{}/{}", service.package, service.proto_name, method.proto_name);
    let (into, request) = match method.client_streaming {
        true => ("IntoStreamingRequest<Message = super::", "into_streaming_request"),
        false => ("IntoRequest<super::", "into_request"),
    };
    let (answer, send) = match (method.client_streaming, method.server_streaming) {
        (false, false) => (format!("super::{}", method.output_type), "unary"),
        (false, true) => (streaming(method), "server_streaming"),
        (true, _) => (streaming(method), "streaming"),
    };
    let mut text = String::new();
    for line in method.comments.leading.iter().flat_map(|comment| comment.lines()) {
        let _ = writeln!(text, "        ///{line}");
    }
    let (name, input) = (&method.name, &method.input_type);
    let _ = write!(
        text,
        "        pub async fn {name}(
            &mut self,
            request: impl tonic::{into}{input}>,
        ) -> Result<tonic::Response<{answer}>, tonic::Status> {{
            self.0.{send}(request.{request}(), \"{path}\").await
        }}
"
    );
    text
}

fn streaming(method: &Method) -> String {
    format!("tonic::Streaming<super::{}>", method.output_type)
}

/// `KV` becomes `kv`, `LeaseKeepAlive` `lease_keep_alive`.
fn snake_case(name: &str) -> String {
    let mut text = String::new();
    let mut before = 'A';
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && before.is_ascii_lowercase() {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
        before = letter;
    }
    text
}
