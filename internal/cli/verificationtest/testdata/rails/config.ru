require "action_controller/railtie"

class Receiver < Rails::Application
  config.root = __dir__
  config.eager_load = true
  config.consider_all_requests_local = false
  config.secret_key_base = "for this test"
  config.logger = Logger.new(nil)
  config.hosts = nil
end
require_relative "webhooks_controller"
Receiver.initialize!
Receiver.routes.draw { post "/webhook", to: "webhooks#create" }
run Receiver
