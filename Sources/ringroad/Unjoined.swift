import Settings

// PLACE OF JOINING: the two functions that other modules bring. Replace this file by their imports.

/// Runs the proxy until it is told to stop; `launch.settings()` gives the settings anew at a reload.
func serve(_ settings: ProxySettings, _ launch: LaunchOptions) -> Int32 {
  StandardStreams.complain("ringroad: this build cannot serve \(settings.summary)")
  return 70
}

/// Shows a proxy at work on this machine.
func demo(_ options: DemoOptions) -> Int32 {
  StandardStreams.complain("ringroad: this build has no demo")
  return 70
}
