"""The gateway process: owns the HTTP socket, routes and splits requests, and logs predictions before answering them."""
