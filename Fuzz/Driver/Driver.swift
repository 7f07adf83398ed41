import Glibc

/// libFuzzer's main function, called by the entry point that the package manager expects.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
  _ count: UnsafeMutablePointer<CInt>,
  _ words: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
  _ test: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// The `main` of a fuzz target: calls `test` with inputs until it fails or the time is over.
package func drive(
  _ count: CInt, _ words: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ test: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt {
  var count = count
  var words = unsafe words
  // SAFETY: both are variables of this frame, which outlives the call.
  return unsafe runDriver(&count, &words, test)
}

/// Reports a violated invariant and ends the run: libFuzzer keeps the input.
package func violated(_ what: String) -> Never {
  fatalError("invariant violated: " + what)
}

/// Whether `RINGROAD_FUZZ_CANARY` enables a deliberately wrong invariant, which a working fuzz run must find.
package let isCanary = unsafe getenv("RINGROAD_FUZZ_CANARY") != nil
