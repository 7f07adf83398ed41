import Glibc

/// What is at a path, links followed.
package enum PathKind {
  case missing
  case folder
  case other

  package init(of path: String) {
    var status = stat()
    // SAFETY: a pointer to a local, and a string that ends in NUL.
    guard unsafe fstatat(AT_FDCWD, path, &status, 0) == 0 else {
      self = .missing
      return
    }
    self = status.st_mode & S_IFMT == S_IFDIR ? .folder : .other
  }
}
