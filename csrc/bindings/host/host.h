// What the engine asks of Python: warnings and factorisations.
#pragma once

namespace steep::bindings {

void install_host();

}  // namespace steep::bindings
