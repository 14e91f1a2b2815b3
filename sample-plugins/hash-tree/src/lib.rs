// SPDX-License-Identifier: MIT
//! A plugin in Rust, without crates: `hash_tree`, the SHA-256 of every file below a folder, and one
//! digest of them all, which is what these commands print in that folder:
//!
//!     find . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum
//!
//! All or nothing: a digest of what could be read, or of what there was time for, would mislead.

mod handrail;
mod json;
mod sha256;
mod walk;

use handrail::{text, Failure, Request};
use json::{quoted, Value};
use sha256::{hex, Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::time::{Duration, Instant};
use walk::{Found, PassedOver, Trouble};

const LIST_DEFAULT: i64 = 100;
const LIST_MAX: i64 = 1000;
const FILES_MAX: i64 = 100_000;
const CHUNK: usize = 64 * 1024; // bytes, between two looks at the clock
const ANSWER_MS: u64 = 250;
const PROGRESS_EVERY: usize = 100; // files

struct HashTree {
    root: String,
    max_files: usize,
    max_bytes: u64,
}

/// The members of an object, each taken by its name; what is left at the end is unknown.
struct Members(json::Object);

impl Members {
    fn parse(text: &[u8]) -> Result<Members, Failure> {
        json::parse(text).map(Members).map_err(Failure::invalid)
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.swap_remove(at).1)
    }

    fn string(&mut self, name: &str, default: &str) -> Result<String, Failure> {
        match self.take(name) {
            None => Ok(default.to_string()),
            Some(Value::Text(text)) if !text.contains('\0') => Ok(text),
            _ => Err(Failure::invalid(format!("{} must be a string without a NUL", name))),
        }
    }

    fn integer(&mut self, name: &str, least: i64, most: i64, default: i64) -> Result<i64, Failure> {
        match self.take(name) {
            None => Ok(default),
            Some(Value::Integer(n)) if (least..=most).contains(&n) => Ok(n),
            _ => Err(Failure::invalid(format!(
                "{} must be an integer from {} to {}",
                name, least, most
            ))),
        }
    }

    fn end(self) -> Result<(), Failure> {
        match self.0.first() {
            Some((name, _)) => Err(Failure::invalid(format!("unknown key: {}", name))),
            None => Ok(()),
        }
    }
}

impl handrail::Plugin for HashTree {
    fn new(_: &Request, config: &[u8]) -> Result<HashTree, Failure> {
        let mut members = Members::parse(config)?;
        let root = members.string("root", "/workspace")?;
        let max_files = members.integer("max_files", 1, FILES_MAX, 10_000)?;
        let max_bytes = members.integer("max_bytes", 1, 1 << 40, 4 << 30)?;
        members.end()?;
        if !root.starts_with('/') {
            return Err(Failure::invalid("root must be an absolute path"));
        }
        let root = format!("/{}", root.trim_matches('/'));
        Ok(HashTree { root, max_files: max_files as usize, max_bytes: max_bytes as u64 })
    }
}

/// Before the host's own deadline, so that its passing is answered with a reason.
fn last_moment(request: &Request) -> Option<Instant> {
    let left = request.time_left_ms()?;
    let left = if left > 2 * ANSWER_MS { left - ANSWER_MS } else { left / 2 };
    Instant::now().checked_add(Duration::from_millis(left))
}

/// Stop a walk for the request's sake, or the configuration's.
struct Budget<'a> {
    request: &'a Request,
    deadline: Option<Instant>,
    bytes_left: u64,
}

impl Budget<'_> {
    fn check(&self) -> Result<(), Failure> {
        // The deadline first: the host calls a request past its own deadline cancelled.
        if self.deadline.map_or(false, |end| Instant::now() >= end) {
            let why = "there was no time for all of it: name a smaller folder";
            return Err(Failure(handrail::E_TIMEOUT, why.to_string()));
        }
        if self.request.cancelled() {
            return Err(Failure(handrail::E_CANCELLED, "cancelled".to_string()));
        }
        Ok(())
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Failure {
        let path = match String::from_utf8_lossy(&trouble.path) {
            path if path.is_empty() => ".".into(),
            path => path,
        };
        let status = match (trouble.error.kind(), trouble.error.raw_os_error()) {
            (io::ErrorKind::PermissionDenied, _) => handrail::E_DENIED,
            (io::ErrorKind::NotFound, _) => handrail::E_INVALID,
            (_, Some(walk::ELOOP | walk::ENOTDIR | walk::ENAMETOOLONG)) => handrail::E_INVALID,
            (io::ErrorKind::Other, None) => handrail::E_LIMIT,
            _ => handrail::E_FAILED,
        };
        let why = match trouble.error.raw_os_error() {
            Some(walk::ELOOP) => "it is, or leads through, a symbolic link".to_string(),
            _ => trouble.error.to_string(),
        };
        Failure(status, format!("{} cannot be read: {}", path, why))
    }
}

fn hash_file(path: &[u8], mut file: File, budget: &mut Budget) -> Result<Digest, Failure> {
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        budget.check()?;
        match file.read(&mut chunk) {
            Ok(0) => return Ok(hash.finish()),
            Ok(n) if n as u64 > budget.bytes_left => {
                let why = "there are more bytes than max_bytes: name a smaller folder";
                return Err(Failure(handrail::E_LIMIT, why.to_string()));
            }
            Ok(n) => {
                budget.bytes_left -= n as u64;
                hash.update(&chunk[..n]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(error) => return Err(Trouble { path: path.to_vec(), error }.into()),
        }
    }
}

/// The line that sha256sum prints, which marks and escapes names that would break it.
fn line(path: &[u8], digest: &Digest) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(path.len() + 68);
    for byte in path {
        match byte {
            b'\\' => escaped.extend(b"\\\\"),
            b'\n' => escaped.extend(b"\\n"),
            b'\r' => escaped.extend(b"\\r"),
            other => escaped.push(*other),
        }
    }
    let mark = if escaped.len() > path.len() { "\\" } else { "" };
    let mut line = format!("{}{}  ", mark, hex(digest)).into_bytes();
    line.append(&mut escaped);
    line.push(b'\n');
    line
}

impl HashTree {
    /// The names on the way from the root to the path.
    fn names<'a>(&self, path: &'a str) -> Result<Vec<&'a str>, Failure> {
        let below = match path.strip_prefix(self.root.trim_end_matches('/')) {
            Some(rest) if path.starts_with('/') && (rest.is_empty() || rest.starts_with('/')) => {
                rest
            }
            _ if path.starts_with('/') => {
                let why = format!("{} lies outside {}: give a path below it", path, self.root);
                return Err(Failure::invalid(why));
            }
            _ => path,
        };
        let names: Vec<&str> = below.split('/').filter(|n| !n.is_empty() && *n != ".").collect();
        if names.contains(&"..") {
            let why = format!("{} contains \"..\": give the path without it", path);
            return Err(Failure::invalid(why));
        }
        Ok(names)
    }

    fn hash(&self, request: &Request, path: &str) -> Result<Tree, Failure> {
        let names = self.names(path)?;
        let trouble = |error| Trouble { path: path.into(), error };
        let top = walk::open_below(&self.root, &names).map_err(trouble)?;
        let kind = top.metadata().map_err(trouble)?.file_type();
        if !kind.is_dir() && !kind.is_file() {
            return Err(Failure::invalid(format!("{} is neither a folder nor a file", path)));
        }
        let mut budget =
            Budget { request, deadline: last_moment(request), bytes_left: self.max_bytes };
        let mut tree = Tree { files: Vec::new(), passed_over: PassedOver::default(), bytes: 0 };
        let files = &mut tree.files;
        walk::walk(top, self.max_files, &mut tree.passed_over, &mut |path, found| {
            let file = match found {
                Found::Folder => return budget.check(),
                Found::File(file) => file,
            };
            if files.len() == self.max_files {
                let why =
                    format!("there are more than {} files: name a smaller folder", files.len());
                return Err(Failure(handrail::E_LIMIT, why));
            }
            let digest = hash_file(path, file, &mut budget)?;
            let path = if path.is_empty() { names[names.len() - 1].as_bytes() } else { path };
            files.push((path.to_vec(), digest));
            if files.len() % PROGRESS_EVERY == 0 {
                request.progress(files.len() as f64, None, "files");
            }
            Ok(())
        })?;
        tree.bytes = self.max_bytes - budget.bytes_left;
        tree.files.sort();
        Ok(tree)
    }
}

struct Tree {
    files: Vec<(Vec<u8>, Digest)>, // by path
    passed_over: PassedOver,
    bytes: u64,
}

impl Tree {
    fn digest(&self) -> Digest {
        let mut hash = Sha256::new();
        for (path, digest) in &self.files {
            hash.update(&line(path, digest));
        }
        hash.finish()
    }

    fn sentences(&self, list: usize) -> String {
        let mut text = String::new();
        for (path, digest) in self.files.iter().take(list) {
            text += &String::from_utf8_lossy(&line(path, digest));
        }
        if self.files.len() > list && list > 0 {
            text += &format!("and {} more\n", self.files.len() - list);
        }
        text += &format!(
            "tree: {}, {} files, {} bytes\n",
            hex(&self.digest()),
            self.files.len(),
            self.bytes
        );
        let PassedOver { links, others } = self.passed_over;
        if links + others > 0 {
            text +=
                &format!("passed over: {} symbolic links, {} that are no files\n", links, others);
        }
        text
    }

    fn json(&self, list: usize) -> String {
        let files: Vec<String> = self
            .files
            .iter()
            .take(list)
            .map(|(path, digest)| {
                let path = quoted(&String::from_utf8_lossy(path));
                format!("{{\"path\":{},\"sha256\":\"{}\"}}", path, hex(digest))
            })
            .collect();
        format!(
            "{{\"tree\":\"{}\",\"files\":{},\"bytes\":{},\"links\":{},\"others\":{},\"list\":[{}]}}",
            hex(&self.digest()),
            self.files.len(),
            self.bytes,
            self.passed_over.links,
            self.passed_over.others,
            files.join(",")
        )
    }
}

struct HashTreeTool;

impl handrail::Tool<HashTree> for HashTreeTool {
    fn invoke(plugin: &HashTree, request: &Request, args: &[u8]) -> Result<(), Failure> {
        let mut members = Members::parse(args)?;
        let path = members.string("path", ".")?;
        let list = members.integer("list", 0, LIST_MAX, LIST_DEFAULT)? as usize;
        members.end()?;
        let tree = plugin.hash(request, &path)?;
        request.text(&tree.sentences(list))?;
        request.json(&tree.json(list))
    }
}

static HASH_TREE: handrail::RawTool = handrail::RawTool {
    struct_size: std::mem::size_of::<handrail::RawTool>() as u32,
    flags: handrail::TOOL_READ_ONLY
        | handrail::TOOL_NON_DESTRUCTIVE
        | handrail::TOOL_IDEMPOTENT
        | handrail::TOOL_CLOSED_WORLD,
    name: text!("hash_tree"),
    title: text!("Hash a tree"),
    description: text!(
        "The SHA-256 of every file below a folder of the workspace, as sha256sum prints them, sorted ",
        "by path, and one digest of the whole tree, which is the SHA-256 of those lines: the same ",
        "digest, the same files. Symbolic links are not followed. Fails rather than answer for a part."
    ),
    input_schema: text!(
        r#"{"type": "object", "additionalProperties": false, "properties": {
            "path": {"type": "string", "maxLength": 4095, "default": ".", "description":
                "Folder or file: relative to the workspace, or absolute"},
            "list": {"type": "integer", "minimum": 0, "maximum": 1000, "default": 100, "description":
                "How many files to list; the digest of the tree is always of all"}}}"#
    ),
    output_schema: handrail::none(),
    max_concurrency: 2,
    timeout_ms: 0,
    invoke: handrail::invoke::<HashTree, HashTreeTool>,
};

static TOOLS: handrail::ToolList<2> = handrail::ToolList([&HASH_TREE, handrail::none()]);

static PLUGIN: handrail::RawPlugin = handrail::RawPlugin {
    magic: handrail::MAGIC,
    struct_size: std::mem::size_of::<handrail::RawPlugin>() as u32,
    built_minor: handrail::ABI_MINOR,
    needs_minor: 0,
    id: text!("hash-tree"),
    version: text!("1.0.0"),
    config_schema: text!(
        r#"{"type": "object", "additionalProperties": false, "properties": {
            "root": {"type": "string", "pattern": "^/", "default": "/workspace", "description":
                "Folder of the files: an absolute path"},
            "max_files": {"type": "integer", "minimum": 1, "maximum": 100000, "default": 10000,
                "description": "Files of one call"},
            "max_bytes": {"type": "integer", "minimum": 1, "maximum": 1099511627776,
                "default": 4294967296, "description": "Bytes that one call reads"}}}"#
    ),
    needs_extensions: handrail::none(),
    tools: TOOLS.0.as_ptr(),
    create: handrail::create::<HashTree>,
    destroy: handrail::destroy::<HashTree>,
    health: None,
    cancel: None,
    get_extension: None,
};

/// The entry: the one symbol that is seen outside.
#[no_mangle]
pub extern "C" fn handrail_plugin_v1() -> *const handrail::RawPlugin {
    &PLUGIN
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugin(root: &str) -> HashTree {
        HashTree { root: root.to_string(), max_files: 1, max_bytes: 1 }
    }

    #[test]
    fn names_below_the_root() {
        let p = plugin("/a/b");
        for (path, names) in [
            ("", &[][..]),
            (".", &[]),
            ("x//./y/", &["x", "y"]),
            ("/a/b", &[]),
            ("/a/b/x", &["x"]),
            ("a/b", &["a", "b"]),
        ] {
            assert_eq!(p.names(path).unwrap(), names, "{}", path);
        }
        for path in ["..", "x/../y", "/a", "/a/bc", "/", "/a/b/.."] {
            assert!(p.names(path).is_err(), "{}", path);
        }
        assert_eq!(plugin("/").names("/x").unwrap(), ["x"]);
    }

    #[test]
    fn lines_as_sha256sum_prints_them() {
        let zeros = "0".repeat(64);
        for (path, expected) in [
            ("a b", format!("{}  a b\n", zeros)),
            ("a\nb\\\r", format!("\\{}  a\\nb\\\\\\r\n", zeros)),
        ] {
            assert_eq!(line(path.as_bytes(), &[0; 32]), expected.into_bytes());
        }
    }
}
