// SPDX-License-Identifier: MIT
//! Every regular file below a folder, without ever leaving it: each name is opened relative to the
//! folder it was found in, which is held open, and no symbolic link is followed.  `std::fs` only
//! knows whole paths, so openat() and the reading of folders are libc's.

use std::ffi::{CStr, CString};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::raw::{c_char, c_int, c_void};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::io::{AsRawFd, FromRawFd, IntoRawFd};
use std::ptr;

/// Folders in folders, each of which is held open.
pub const DEPTH_MAX: usize = 64;

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
mod flag {
    pub const O_DIRECTORY: i32 = 0o200000;
    pub const O_NOFOLLOW: i32 = 0o400000;
}
#[cfg(any(target_arch = "arm", target_arch = "aarch64"))]
mod flag {
    pub const O_DIRECTORY: i32 = 0o40000;
    pub const O_NOFOLLOW: i32 = 0o100000;
}
const O_NONBLOCK: c_int = 0o4000; // a FIFO must not stop us
const O_NOCTTY: c_int = 0o400;
const O_CLOEXEC: c_int = 0o2000000;
const DT_DIR: u8 = 4;
const DT_REG: u8 = 8;
const DT_LNK: u8 = 10;
const DT_UNKNOWN: u8 = 0;
pub const ENOTDIR: i32 = 20;
pub const ENAMETOOLONG: i32 = 36;
pub const ELOOP: i32 = 40; // a symbolic link, which is not followed

/// `struct dirent` of 64-bit Linux.
#[repr(C)]
struct Dirent {
    ino: u64,
    off: i64,
    reclen: u16,
    kind: u8,
    name: [c_char; 256],
}

extern "C" {
    fn openat(dir: c_int, name: *const c_char, flags: c_int, ...) -> c_int;
    fn fdopendir(fd: c_int) -> *mut c_void;
    fn readdir(dir: *mut c_void) -> *const Dirent;
    fn closedir(dir: *mut c_void) -> c_int;
    fn __errno_location() -> *mut c_int;
}

/// What was found on the way, to be told.
#[derive(Default)]
pub struct PassedOver {
    pub links: u64,
    pub others: u64, // devices, FIFOs, sockets
}

/// What is wrong, and the path, relative to the top, as its bytes are.
pub struct Trouble {
    pub path: Vec<u8>,
    pub error: io::Error,
}

/// A limit of this module; its kind is `Other`, which no error of the system is.
fn over_limit(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::Other, what)
}

/// `openat` with the flags every file here is opened with.
fn open_at(folder: &File, name: &CStr, flags: c_int) -> io::Result<File> {
    let flags = flags | flag::O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    let fd = unsafe { openat(folder.as_raw_fd(), name.as_ptr(), flags) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(unsafe { File::from_raw_fd(fd) })
}

/// Open what lies at these names, one after the other.
pub fn open_below(root: &str, names: &[&str]) -> io::Result<File> {
    let mut file = OpenOptions::new().read(true).custom_flags(flag::O_DIRECTORY).open(root)?;
    for name in names {
        file = open_at(&file, &CString::new(*name)?, 0)?;
    }
    Ok(file)
}

struct Folder(*mut c_void);

impl Drop for Folder {
    fn drop(&mut self) {
        unsafe { closedir(self.0) };
    }
}

/// The names in a folder, with what the file system says of each.  At most `max`.
fn names(folder: &File, max: usize) -> io::Result<Vec<(CString, u8)>> {
    // One of its own, because closedir() closes it.
    let fd =
        open_at(folder, unsafe { CStr::from_bytes_with_nul_unchecked(b".\0") }, flag::O_DIRECTORY)?
            .into_raw_fd();
    let stream = unsafe { fdopendir(fd) };
    if stream.is_null() {
        let error = io::Error::last_os_error();
        drop(unsafe { File::from_raw_fd(fd) });
        return Err(error);
    }
    let stream = Folder(stream);
    let mut names = Vec::new();
    loop {
        // Only errno tells an error from the end.
        unsafe { *__errno_location() = 0 };
        let entry = unsafe { readdir(stream.0) };
        if entry.is_null() {
            let error = io::Error::last_os_error();
            return if error.raw_os_error() == Some(0) { Ok(names) } else { Err(error) };
        }
        // Not a reference to the whole: an entry is shorter than its type.
        let name = unsafe { CStr::from_ptr(ptr::addr_of!((*entry).name).cast()) };
        if name.to_bytes() != b"." && name.to_bytes() != b".." {
            if names.len() == max {
                return Err(over_limit("too many names in one folder"));
            }
            names.push((name.to_owned(), unsafe { (*entry).kind }));
        }
    }
}

/// What a walk comes by.
pub enum Found {
    Folder, // before what is in it
    File(File),
}

/// Call `each` for every folder and regular file at or below `top`, in no particular order, with the
/// path relative to `top`, whose own is empty.  Ends at the first error, also one of `each`.
pub fn walk<E: From<Trouble>>(
    top: File,
    names_max: usize,
    passed_over: &mut PassedOver,
    each: &mut dyn FnMut(&[u8], Found) -> Result<(), E>,
) -> Result<(), E> {
    visit(top, &mut Vec::new(), 0, names_max, passed_over, each)
}

fn visit<E: From<Trouble>>(
    file: File,
    path: &mut Vec<u8>,
    depth: usize,
    names_max: usize,
    passed_over: &mut PassedOver,
    each: &mut dyn FnMut(&[u8], Found) -> Result<(), E>,
) -> Result<(), E> {
    let trouble = |path: &[u8], error| E::from(Trouble { path: path.to_vec(), error });
    let kind = file.metadata().map_err(|e| trouble(path, e))?.file_type();

    if kind.is_file() {
        return each(path, Found::File(file));
    }
    if !kind.is_dir() {
        passed_over.others += 1;
        return Ok(());
    }
    each(path, Found::Folder)?;
    if depth == DEPTH_MAX {
        return Err(trouble(path, over_limit("too many folders in each other")));
    }
    for (name, kind) in names(&file, names_max).map_err(|e| trouble(path, e))? {
        let len = path.len();
        if len > 0 {
            path.push(b'/');
        }
        path.extend_from_slice(name.to_bytes());
        match kind {
            // What it is now counts, and that is seen once it is open.
            DT_DIR | DT_REG | DT_UNKNOWN => match open_at(&file, &name, 0) {
                Ok(inner) => visit(inner, path, depth + 1, names_max, passed_over, each)?,
                Err(e) if e.raw_os_error() == Some(ELOOP) => passed_over.links += 1,
                Err(e) => return Err(trouble(path, e)),
            },
            DT_LNK => passed_over.links += 1,
            _ => passed_over.others += 1,
        }
        path.truncate(len);
    }
    Ok(())
}
