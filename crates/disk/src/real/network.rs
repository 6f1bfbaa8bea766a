//! Which file systems are not on this machine.

use std::io;
use std::path::Path;

/// The name of the network file system that holds `path`, if it is one.
#[cfg(target_os = "linux")]
pub(super) fn kind_of(path: &Path) -> io::Result<Option<String>> {
    const FUSE: u64 = 0x6573_5546;
    let found = rustix::fs::statfs(path)?;
    // The type of `f_type` differs between architectures; the numbers fit 32 bits on all.
    let magic = (found.f_type as u64) & 0xffff_ffff;
    if magic == FUSE {
        // FUSE holds local file systems (Docker Desktop's folders) and remote ones alike.
        return Ok(mount_type(path)?.filter(|kind| is_remote_fuse(kind)));
    }
    Ok(name_of(magic).map(str::to_owned))
}

/// Elsewhere nothing tells them apart portably; the lock itself fails on most of them.
#[cfg(not(target_os = "linux"))]
pub(super) fn kind_of(_path: &Path) -> io::Result<Option<String>> {
    Ok(None)
}

/// Numbers from statfs(2) and the kernel's `magic.h`.
#[cfg(target_os = "linux")]
fn name_of(magic: u64) -> Option<&'static str> {
    Some(match magic {
        0x6969 => "nfs",
        0x517b => "smb",
        0xff53_4d42 => "cifs",
        0xfe53_4d42 => "smb2",
        0x0102_1997 => "9p",
        0x00c3_6400 => "ceph",
        0x5346_414f | 0x6b41_4653 => "afs",
        0x7375_7245 => "coda",
        0x564c => "ncp",
        0x0bd0_0bd0 => "lustre",
        0x0116_1970 => "gfs2",
        0x7461_636f => "ocfs2",
        _ => return None,
    })
}

#[cfg(target_os = "linux")]
fn is_remote_fuse(kind: &str) -> bool {
    const REMOTE: [&str; 9] = [
        "sshfs",
        "s3fs",
        "gcsfuse",
        "glusterfs",
        "rclone",
        "goofys",
        "davfs",
        "smbnetfs",
        "curlftpfs",
    ];
    kind.strip_prefix("fuse.")
        .is_some_and(|name| REMOTE.iter().any(|remote| name.contains(remote)))
}

/// The type that `/proc/self/mountinfo` gives for the innermost mount over `path`.
#[cfg(target_os = "linux")]
fn mount_type(path: &Path) -> io::Result<Option<String>> {
    let path = path.canonicalize()?;
    let mounts = std::fs::read_to_string("/proc/self/mountinfo")?;
    Ok(mounts
        .lines()
        .filter_map(|line| {
            let (mount, file_system) = line.split_once(" - ")?;
            let point = Path::new(mount.split(' ').nth(4)?);
            let kind = file_system.split(' ').next()?;
            path.starts_with(point)
                .then(|| (point.components().count(), kind.to_owned()))
        })
        .max_by_key(|(depth, _)| *depth)
        .map(|(_, kind)| kind))
}
