# What `cmake --install` puts below its prefix, for packages and for scripts/install, which adds what depends on the user.
install(TARGETS agent-runner agent-runnerd agent-runner-acp agent-runner-codex agent-runner-hook agent-runner-launch RUNTIME DESTINATION bin)
install(DIRECTORY plugins DESTINATION share/agent-runner USE_SOURCE_PERMISSIONS)
install(FILES docs/man/agent-runnerd.8 DESTINATION share/man/man8)
