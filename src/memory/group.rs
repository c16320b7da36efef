//! What the control groups of Linux leave this process: a container, a service and a batch job each are one.

use std::fs::read_to_string;
use std::path::Path;

/// Where all systems mount them.
const MOUNTED: &str = "/sys/fs/cgroup";

/// A group's files, by the version of its kind.
struct Files {
    limit: &'static str,
    used: &'static str,
    /// Lines of `memory.stat`: what the page cache gives back when it is asked to.
    cached: [&'static str; 2],
}

const VERSION_1: Files = Files {
    limit: "memory.limit_in_bytes",
    used: "memory.usage_in_bytes",
    cached: ["total_inactive_file", "total_active_file"],
};
const VERSION_2: Files =
    Files { limit: "memory.max", used: "memory.current", cached: ["inactive_file", "active_file"] };

/// Bytes that the groups of this process have left; `None` where none has a limit.
pub fn free() -> Option<u64> {
    free_in(&read_to_string("/proc/self/cgroup").ok()?, Path::new(MOUNTED))
}

/// The same of these groups, lines of `number:controllers:path`.
fn free_in(groups: &str, mounted: &Path) -> Option<u64> {
    let of_line = |line: &str| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        let (root, files) = match controllers {
            "" => (mounted.to_path_buf(), VERSION_2),
            _ if controllers.split(',').any(|name| name == "memory") => (mounted.join("memory"), VERSION_1),
            _ => return None,
        };
        // A group has no more than any that it is in. In a container its path may be that outside, of which nothing is
        // there but the container's own group, as the root.
        let group = root.join(path.trim_start_matches('/'));
        let outwards = group.ancestors().take_while(|group| group.starts_with(&root));
        outwards.filter_map(|group| files.free(group)).min()
    };
    groups.lines().filter_map(of_line).min()
}

impl Files {
    fn free(&self, group: &Path) -> Option<u64> {
        // No limit is a word, or a number beyond all machines.
        let number = |name| read_to_string(group.join(name)).ok()?.trim().parse::<u64>().ok();
        let (limit, used) = (number(self.limit)?, number(self.used)?);
        let about = read_to_string(group.join("memory.stat")).unwrap_or_default();
        let lines = about.lines().filter_map(|line| line.split_once(' '));
        let cached = lines.filter(|(name, _)| self.cached.contains(name));
        let cached: u64 = cached.filter_map(|(_, bytes)| bytes.trim().parse::<u64>().ok()).sum();
        Some(limit.saturating_sub(used.saturating_sub(cached)))
    }
}

#[cfg(test)]
mod tests {
    use super::{VERSION_1, VERSION_2, free_in};
    use std::path::Path;

    fn group(path: &Path, [limit, used]: [&str; 2], texts: [&str; 2], about: &str) {
        std::fs::create_dir_all(path).unwrap();
        for (name, text) in [(limit, texts[0]), (used, texts[1]), ("memory.stat", about)] {
            std::fs::write(path.join(name), format!("{text}\n")).unwrap();
        }
    }

    #[test]
    fn the_tightest_group_on_the_way_out_counts() {
        let tree = tempfile::tempdir().unwrap();
        let root = tree.path();
        let names = [VERSION_2.limit, VERSION_2.used];
        let make = |path: &str, limit, used, about| group(&root.join(path), names, [limit, used], about);
        make("a", "1000", "700", "anon 300\ninactive_file 150\nactive_file 50\nslab 9");
        make("a/b", "max", "400", "");
        make("a/b/c", "800", "100", "file 90\ninactive_file 0");
        make("d", "50", "80", "inactive_file 10");
        let free = |groups: &str| free_in(groups, root);
        assert_eq!(
            free("0::/a/b/c"),
            Some(500),
            "what others of the group take counts, the page cache does not"
        );
        assert_eq!(free("0::/a"), Some(500));
        assert_eq!(free("0::/d"), Some(0), "more than its limit is taken");
        assert_eq!(free("0::/"), None);
        assert_eq!(free("1:cpu:/d\n0::/a/b/not-there"), Some(500));
        assert_eq!(free("no group"), None);
    }

    #[test]
    fn a_group_of_the_first_version_is_found_and_so_is_the_root_of_a_container() {
        let tree = tempfile::tempdir().unwrap();
        let names = [VERSION_1.limit, VERSION_1.used];
        let make = |path: &str, limit, used, about| {
            group(&tree.path().join("memory").join(path), names, [limit, used], about);
        };
        make("", "9223372036854771712", "5000", "");
        make("job", "3000", "2000", "inactive_file 1\ntotal_inactive_file 500");
        let free = |groups: &str| free_in(groups, tree.path());
        assert_eq!(free("9:cpuset,memory:/job\n0::/"), Some(1500));
        make("", "4000", "1000", "");
        assert_eq!(free("4:memory:/outside/of/this/container"), Some(3000));
    }
}
