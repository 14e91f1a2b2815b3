// SPDX-License-Identifier: MIT
//! The plugin ABI of handrail/plugin.h, major 1, for Rust.  Copy this file into a plugin of yours.
//!
//! The first half declares the C structs: what is in plugin.h, in its order, and nothing else.  The
//! second half is what makes them safe to use: `Plugin`, `Tool` and `Request`, and the functions
//! `create`, `invoke` and `destroy`, whose addresses go into the descriptor.  No panic gets through
//! them into the host: it becomes `E_FAILED`.
//!
//! Evolution: structs only grow at their end, so a host's may be shorter than ours.  A member of a
//! later minor is looked at only if `struct_size` says that it is there.  For the same reason no
//! reference to a whole `Host` is ever made, only to its members.
//!
//! Threads: tools run on several threads at once, hence `&self` and `Sync`; a `Request` may be used on
//! any thread until the method that got it returns.  Answering later (`PENDING`) is not wrapped here.
#![allow(dead_code)] // it is the whole ABI, and no plugin needs all of it

use std::os::raw::{c_char, c_void};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::{fmt, mem, ptr, slice};

pub const ABI_MINOR: u32 = 1;
pub const MAGIC: u32 = 0x3150_4c48;

pub type Status = i32;
pub const OK: Status = 0;
pub const PENDING: Status = 1;
pub const E_INVALID: Status = -1;
pub const E_NOMEM: Status = -2;
pub const E_UNSUPPORTED: Status = -3;
pub const E_CANCELLED: Status = -4;
pub const E_TIMEOUT: Status = -5;
pub const E_DENIED: Status = -6;
pub const E_LIMIT: Status = -7;
pub const E_UNAVAILABLE: Status = -8;
pub const E_FAILED: Status = -9;

pub type LogLevel = i32;
pub const LOG_ERROR: LogLevel = 30;
pub const LOG_WARN: LogLevel = 40;
pub const LOG_INFO: LogLevel = 60;
pub const LOG_DEBUG: LogLevel = 70;

pub const TOOL_READ_ONLY: u32 = 1 << 0;
pub const TOOL_NON_DESTRUCTIVE: u32 = 1 << 1;
pub const TOOL_IDEMPOTENT: u32 = 1 << 2;
pub const TOOL_CLOSED_WORLD: u32 = 1 << 3;

/// `handrail_call`: opaque, the host's.
#[repr(C)]
pub struct RawCall {
    _private: [u8; 0],
}

#[repr(C)]
pub struct Host {
    pub struct_size: u32,
    pub abi_minor: u32,
    pub name: *const c_char,
    pub version: *const c_char,
    pub ctx: *mut c_void,
    pub log: unsafe extern "C" fn(*const Host, LogLevel, *const c_char, usize),
    pub cancelled: unsafe extern "C" fn(*const Host, *const RawCall) -> i32,
    pub cancel_fd: unsafe extern "C" fn(*const Host, *const RawCall) -> i32,
    pub time_left_ms: unsafe extern "C" fn(*const Host, *const RawCall) -> i64,
    pub progress: unsafe extern "C" fn(*const Host, *mut RawCall, f64, f64, *const c_char, usize),
    pub add_text: unsafe extern "C" fn(*const Host, *mut RawCall, *const c_char, usize) -> Status,
    pub add_blob: unsafe extern "C" fn(
        *const Host,
        *mut RawCall,
        *const c_char,
        *const c_void,
        usize,
    ) -> Status,
    pub set_json: unsafe extern "C" fn(*const Host, *mut RawCall, *const c_char, usize) -> Status,
    pub set_error: unsafe extern "C" fn(*const Host, *mut RawCall, *const c_char, usize),
    pub complete: unsafe extern "C" fn(*const Host, *mut RawCall, Status),
    pub get_extension: unsafe extern "C" fn(*const Host, *const c_char) -> *const c_void,
    // --- minor 0 ends here: what follows may be absent, or None ---
    pub add_resource: Option<
        unsafe extern "C" fn(
            *const Host,
            *mut RawCall,
            *const c_char,
            *const c_char,
            *const c_void,
            usize,
        ) -> Status,
    >,
    pub tell:
        Option<unsafe extern "C" fn(*const Host, *mut RawCall, LogLevel, *const c_char, usize)>,
    // --- minor 1 ends here ---
}

#[repr(C)]
pub struct RawTool {
    pub struct_size: u32,
    pub flags: u32,
    pub name: *const c_char,
    pub title: *const c_char,
    pub description: *const c_char,
    pub input_schema: *const c_char,
    pub output_schema: *const c_char,
    pub max_concurrency: u32,
    pub timeout_ms: u32,
    pub invoke: unsafe extern "C" fn(*mut c_void, *mut RawCall, *const c_char, usize) -> Status,
}

#[repr(C)]
pub struct RawPlugin {
    pub magic: u32,
    pub struct_size: u32,
    pub built_minor: u32,
    pub needs_minor: u32,
    pub id: *const c_char,
    pub version: *const c_char,
    pub config_schema: *const c_char,
    pub needs_extensions: *const *const c_char,
    pub tools: *const *const RawTool,
    pub create: unsafe extern "C" fn(
        *const Host,
        *mut RawCall,
        *const c_char,
        usize,
        *mut *mut c_void,
    ) -> Status,
    pub destroy: unsafe extern "C" fn(*mut c_void),
    pub health: Option<unsafe extern "C" fn(*mut c_void, *mut RawCall) -> Status>,
    pub cancel: Option<unsafe extern "C" fn(*mut c_void, *mut RawCall)>,
    pub get_extension: Option<unsafe extern "C" fn(*mut c_void, *const c_char) -> *const c_void>,
}

/// The list of tools, ended by a null pointer.
#[repr(transparent)]
pub struct ToolList<const N: usize>(pub [*const RawTool; N]);

// Safety: constant data that points at constant data.
unsafe impl Sync for RawTool {}
unsafe impl Sync for RawPlugin {}
unsafe impl<const N: usize> Sync for ToolList<N> {}

// The layout that a C compiler gives plugin.h.  (64 bits; tests below hold the members to it.)
const _: () = assert!(mem::size_of::<usize>() == 8);
const _: () = assert!(mem::size_of::<Host>() == 136);
const _: () = assert!(mem::size_of::<RawTool>() == 64);
const _: () = assert!(mem::size_of::<RawPlugin>() == 96);
const ADD_RESOURCE_END: u32 = 128;
const TELL_END: u32 = 136;

/// Text for a descriptor: `text!("echo")` is a C string that lives for ever.
macro_rules! text {
    ($($part:expr),+ $(,)?) => {
        concat!($($part),+, "\0").as_ptr() as *const std::os::raw::c_char
    };
}
pub(crate) use text;

// ---- safe from here on ----

/// Why a call ended without success: the status, and the reason its caller reads.
#[derive(Debug, PartialEq)]
pub struct Failure(pub Status, pub String);

impl Failure {
    pub fn invalid(reason: impl fmt::Display) -> Failure {
        Failure(E_INVALID, reason.to_string())
    }
}

/// One request, while the method that got it runs.
pub struct Request {
    host: *const Host,
    call: *mut RawCall,
}

// Safety: the host allows all of it on any thread.
unsafe impl Sync for Request {}

impl Request {
    pub fn cancelled(&self) -> bool {
        unsafe { ((*self.host).cancelled)(self.host, self.call) != 0 }
    }

    /// A descriptor that polls readable once cancelled; the host's.  -1 if there is none.
    pub fn cancel_fd(&self) -> i32 {
        unsafe { ((*self.host).cancel_fd)(self.host, self.call) }
    }

    /// Milliseconds, or None for no deadline.
    pub fn time_left_ms(&self) -> Option<u64> {
        let left = unsafe { ((*self.host).time_left_ms)(self.host, self.call) };
        u64::try_from(left).ok()
    }

    pub fn progress(&self, done: f64, total: Option<f64>, note: &str) {
        let (total, note, len) = (total.unwrap_or(-1.0), note.as_ptr().cast(), note.len());
        unsafe { ((*self.host).progress)(self.host, self.call, done, total, note, len) }
    }

    pub fn text(&self, text: &str) -> Result<(), Failure> {
        check(unsafe {
            ((*self.host).add_text)(self.host, self.call, text.as_ptr().cast(), text.len())
        })
    }

    pub fn json(&self, json: &str) -> Result<(), Failure> {
        check(unsafe {
            ((*self.host).set_json)(self.host, self.call, json.as_ptr().cast(), json.len())
        })
    }

    /// Tell the caller something now.  A host of minor 0 cannot: then it is left out.
    pub fn tell(&self, level: LogLevel, line: &str) {
        unsafe {
            if (*self.host).struct_size >= TELL_END {
                if let Some(tell) = (*self.host).tell {
                    tell(self.host, self.call, level, line.as_ptr().cast(), line.len());
                }
            }
        }
    }

    fn fail(&self, Failure(status, reason): Failure) -> Status {
        if !reason.is_empty() {
            let text = reason.as_ptr().cast();
            unsafe { ((*self.host).set_error)(self.host, self.call, text, reason.len()) }
        }
        if status < 0 {
            status
        } else {
            E_FAILED
        }
    }
}

/// The host's answer as ours; the reason is the host's own then.
fn check(status: Status) -> Result<(), Failure> {
    match status {
        OK => Ok(()),
        bad => Err(Failure(bad, String::new())),
    }
}

/// The plugin's one instance.
pub trait Plugin: Sized + Send + Sync + 'static {
    /// `config` is a JSON object.
    fn new(request: &Request, config: &[u8]) -> Result<Self, Failure>;
}

/// One of its tools: a type without members, so that each has an `invoke` of its own.
pub trait Tool<P: Plugin> {
    /// `args` is a JSON object that the input schema accepts.
    fn invoke(plugin: &P, request: &Request, args: &[u8]) -> Result<(), Failure>;
}

/// What the host knows as `self`.
struct Instance<P> {
    host: *const Host,
    plugin: P,
}

fn guard(request: &Request, run: impl FnOnce() -> Result<(), Failure>) -> Status {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(())) => OK,
        Ok(Err(failure)) => request.fail(failure),
        Err(_) => request.fail(Failure(E_FAILED, "the plugin panicked: see its log".to_string())),
    }
}

unsafe fn bytes<'a>(text: *const c_char, len: usize) -> &'a [u8] {
    slice::from_raw_parts(text.cast(), len)
}

/// For `RawPlugin.create`.
///
/// # Safety
/// Only the host may call it, as plugin.h says.
pub unsafe extern "C" fn create<P: Plugin>(
    host: *const Host,
    call: *mut RawCall,
    config: *const c_char,
    len: usize,
    ret_self: *mut *mut c_void,
) -> Status {
    let request = Request { host, call };
    guard(&request, || {
        let plugin = P::new(&request, bytes(config, len))?;
        *ret_self = Box::into_raw(Box::new(Instance { host, plugin })).cast();
        Ok(())
    })
}

/// For `RawPlugin.destroy`.
///
/// # Safety
/// Only the host may call it, as plugin.h says.
pub unsafe extern "C" fn destroy<P: Plugin>(instance: *mut c_void) {
    // Nobody is left who could be told of a panic, other than by the log.
    let _ = catch_unwind(|| drop(Box::from_raw(instance.cast::<Instance<P>>())));
}

/// For `RawTool.invoke`.
///
/// # Safety
/// Only the host may call it, as plugin.h says.
pub unsafe extern "C" fn invoke<P: Plugin, T: Tool<P>>(
    instance: *mut c_void,
    call: *mut RawCall,
    args: *const c_char,
    len: usize,
) -> Status {
    let instance = &*instance.cast::<Instance<P>>();
    let request = Request { host: instance.host, call };
    guard(&request, || T::invoke(&instance.plugin, &request, bytes(args, len)))
}

/// For a member that is not there: text or a list.
pub const fn none<T>() -> *const T {
    ptr::null()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::MaybeUninit;

    macro_rules! end {
        ($type:ty, $member:ident) => {{
            let it = MaybeUninit::<$type>::uninit();
            let start = it.as_ptr();
            let end = unsafe { ptr::addr_of!((*start).$member).add(1) };
            end as usize - start as usize
        }};
    }

    /// C's offsetof and sizeof say the same.
    #[test]
    fn members_lie_where_c_has_them() {
        assert_eq!(end!(Host, version), 24);
        assert_eq!(end!(Host, log), 40);
        assert_eq!(end!(Host, add_text), 80);
        assert_eq!(end!(Host, get_extension), 120);
        assert_eq!(end!(Host, add_resource), ADD_RESOURCE_END as usize);
        assert_eq!(end!(Host, tell), TELL_END as usize);
        assert_eq!(end!(RawTool, input_schema), 40);
        assert_eq!(end!(RawTool, timeout_ms), 56);
        assert_eq!(end!(RawTool, invoke), 64);
        assert_eq!(end!(RawPlugin, needs_minor), 16);
        assert_eq!(end!(RawPlugin, tools), 56);
        assert_eq!(end!(RawPlugin, destroy), 72);
        assert_eq!(end!(RawPlugin, get_extension), 96);
    }

    /// A host as plugin.h has it at its beginning, with what is behind it poisoned: whoever calls
    /// that dies.
    fn host_of_minor_0() -> Host {
        unsafe extern "C" fn number(_: *const Host, _: *const RawCall) -> i32 {
            0
        }
        unsafe extern "C" fn time_left(_: *const Host, _: *const RawCall) -> i64 {
            -1
        }
        unsafe extern "C" fn say(
            _: *const Host,
            call: *mut RawCall,
            text: *const c_char,
            n: usize,
        ) {
            (*call.cast::<Vec<u8>>()).extend(bytes(text, n));
        }
        unsafe extern "C" fn never() {
            std::process::abort()
        }
        let mut host = MaybeUninit::<Host>::zeroed();
        let start = host.as_mut_ptr();
        unsafe {
            let end = ptr::addr_of_mut!((*start).tell).add(1).cast();
            let mut service = ptr::addr_of_mut!((*start).log).cast::<unsafe extern "C" fn()>();
            while service < end {
                service.write(never);
                service = service.add(1);
            }
            ptr::addr_of_mut!((*start).struct_size).write(120);
            ptr::addr_of_mut!((*start).cancelled).write(number);
            ptr::addr_of_mut!((*start).time_left_ms).write(time_left);
            ptr::addr_of_mut!((*start).set_error).write(say);
            host.assume_init()
        }
    }

    #[test]
    fn panics_and_failures_become_a_status_and_its_reason() {
        let host = host_of_minor_0();
        let mut reason = Vec::<u8>::new();
        let request = Request { host: &host, call: (&mut reason as *mut Vec<u8>).cast() };
        assert_eq!(guard(&request, || panic!("on purpose")), E_FAILED);
        assert_eq!(guard(&request, || Err(Failure(OK, " and".to_string()))), E_FAILED);
        assert_eq!(guard(&request, || Err(Failure::invalid(" again"))), E_INVALID);
        assert_eq!(guard(&request, || Ok(())), OK);
        assert_eq!(reason, b"the plugin panicked: see its log and again");
    }

    #[test]
    fn what_an_older_host_lacks_is_not_touched() {
        let host = host_of_minor_0();
        let request = Request { host: &host, call: ptr::null_mut() };
        request.tell(LOG_INFO, "x");
        assert!(!request.cancelled());
        assert_eq!(request.time_left_ms(), None);
    }
}
