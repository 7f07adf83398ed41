import Settings

/// Shows a proxy at work on this machine.
func demo(_ options: DemoOptions) -> Int32 {
  StandardStreams.complain("ringroad: this build has no demo")
  return 70
}
