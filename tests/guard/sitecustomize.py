"""Python imports this by itself at start: child processes of the tests stay off the network too."""

import refuse_network

refuse_network.install()
