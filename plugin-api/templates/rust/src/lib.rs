//! @NAME@: a plugin for Handrail.  The ABI and what makes it safe are in handrail.rs.

mod handrail;
#[allow(dead_code)]
mod json;

use handrail::{text, Failure, Request};
use json::Value;

/// The one instance.  Tools run on several threads at once: lock what changes.
struct Plugin;

impl handrail::Plugin for Plugin {
    fn new(_: &Request, _config: &[u8]) -> Result<Plugin, Failure> {
        Ok(Plugin) // no configuration
    }
}

struct Greet;

impl handrail::Tool<Plugin> for Greet {
    /// `args` is a JSON object that the schema below accepts.
    fn invoke(_: &Plugin, request: &Request, args: &[u8]) -> Result<(), Failure> {
        let members = json::parse(args).map_err(Failure::invalid)?;
        if request.cancelled() {
            // What takes long looks at this every now and then, and gives up.
            return Err(Failure(handrail::E_CANCELLED, String::new()));
        }
        match members.iter().find(|(key, _)| key == "name") {
            Some((_, Value::Text(name))) => request.text(&format!("Hello, {}.", name)),
            // A model reads it: say how to do better.
            _ => Err(Failure::invalid("name must be a string")),
        }
    }
}

static GREET: handrail::RawTool = handrail::RawTool {
    struct_size: std::mem::size_of::<handrail::RawTool>() as u32,
    flags: handrail::TOOL_READ_ONLY
        | handrail::TOOL_NON_DESTRUCTIVE
        | handrail::TOOL_IDEMPOTENT
        | handrail::TOOL_CLOSED_WORLD,
    name: text!("@TOOL@"),
    title: text!("@NAME@"),
    description: text!(
        "Greets somebody by name. Say here when to use the tool, and what it answers."
    ),
    input_schema: text!(
        r#"{"type": "object", "additionalProperties": false, "required": ["name"], "properties": {
            "name": {"type": "string", "maxLength": 200, "description": "Whom to greet"}}}"#
    ),
    output_schema: handrail::none(),
    max_concurrency: 0,
    timeout_ms: 0,
    invoke: handrail::invoke::<Plugin, Greet>,
};

static TOOLS: handrail::ToolList<2> = handrail::ToolList([&GREET, handrail::none()]);

/// Constant data: it is read without running anything.
static PLUGIN: handrail::RawPlugin = handrail::RawPlugin {
    magic: handrail::MAGIC,
    struct_size: std::mem::size_of::<handrail::RawPlugin>() as u32,
    built_minor: handrail::ABI_MINOR,
    needs_minor: 0,
    id: text!("@NAME@"),
    version: text!("1.0.0"),
    config_schema: handrail::none(),
    needs_extensions: handrail::none(),
    tools: TOOLS.0.as_ptr(),
    create: handrail::create::<Plugin>,
    destroy: handrail::destroy::<Plugin>,
    health: None,
    cancel: None,
    get_extension: None,
};

/// The entry: the one symbol that is seen outside.
#[no_mangle]
pub extern "C" fn handrail_plugin_v1() -> *const handrail::RawPlugin {
    &PLUGIN
}
