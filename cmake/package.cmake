# For `cpack --config cmake/package.cmake`, which scripts/package runs: a Debian package of a folder that is complete.
# In the environment:
#   AR_TREE     what becomes / ; stripped
#   AR_VERSION  the package's
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME agent-runner)
set(CPACK_PACKAGE_VERSION $ENV{AR_VERSION})
set(CPACK_PACKAGE_VENDOR agent-runner)
set(CPACK_PACKAGE_CONTACT "agent-runner <nobody@agent-runner.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "keeps coding agents running in terminals and delivers messages to them")
set(CPACK_INSTALLED_DIRECTORIES "$ENV{AR_TREE};/")
set(CPACK_PACKAGING_INSTALL_PREFIX /)
set(CPACK_PACKAGE_FILE_NAME agent-runner)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# The terminals, and the zones of schedules; worktrees take git, which agents have.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "tmux (>= 3.2), tzdata")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "git, systemd")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "nats-server")
set(CPACK_PACKAGE_DESCRIPTION "One local daemon starts coding agents (Claude Code, Codex, other terminal
programs) in tmux, keeps them alive, and delivers messages to them. A message
counts as delivered when the provider itself has shown that it took it.
Nothing is lost or doubled when the daemon is killed, and the agents go on
meanwhile.")
