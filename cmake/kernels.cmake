# Compiles every file of csrc/kernels once per instruction set, and writes the source that lists the
# results for the runtime to choose from.
#
# A kernel file <folder>/<name>.cpp defines one function, fill_<folder>_<name>_<level> (see
# csrc/kernels/isa.h); a new file is picked up by itself.
#
# Sets STEEP_KERNEL_OBJECTS and STEEP_LEVELS_SOURCE.

include(CheckCXXCompilerFlag)
check_cxx_compiler_flag(-fopenmp-simd STEEP_HAS_OPENMP_SIMD)
check_cxx_compiler_flag(-mprefer-vector-width=512 STEEP_HAS_VECTOR_WIDTH)

set(architecture "${CMAKE_SYSTEM_PROCESSOR}")
if(CMAKE_OSX_ARCHITECTURES)
  set(architecture "${CMAKE_OSX_ARCHITECTURES}")
endif()

# From the least to the most capable: the runtime takes the last one that the CPU can run.
if(architecture MATCHES "^(x86_64|AMD64|amd64)$")
  set(levels baseline avx2 avx512)
  if(STEEP_TEST_TABLES)
    list(INSERT levels 1 scalar_fma)
  endif()
elseif(architecture MATCHES "^(aarch64|arm64)$")
  set(levels neon)
else()
  set(levels baseline)
endif()

if(STEEP_LEVELS)  # some of them, in the order above
  foreach(level IN LISTS STEEP_LEVELS)
    if(NOT level IN_LIST levels)
      message(FATAL_ERROR "STEEP_LEVELS: expected some of ${levels}, got ${level}")
    endif()
  endforeach()
  set(wished ${levels})
  foreach(level IN LISTS wished)
    if(NOT level IN_LIST STEEP_LEVELS)
      list(REMOVE_ITEM levels ${level})
    endif()
  endforeach()
endif()

# The loops say themselves what is to be vectorised and unrolled. What -O3 adds (copies of loops for
# conditions that do not change in them, of functions for arguments that are constants) makes them a
# third larger and no quicker. No exception comes from a kernel, or passes through one.
if(STEEP_SANITIZE)
  set(simd_flags -O1)
else()
  set(simd_flags -O2 -ftree-vectorize -fno-exceptions -fno-asynchronous-unwind-tables)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    list(APPEND simd_flags -fvect-cost-model=dynamic)
  endif()
endif()
if(STEEP_HAS_OPENMP_SIMD)
  list(APPEND simd_flags -fopenmp-simd)
else()
  list(APPEND simd_flags -Wno-unknown-pragmas)
endif()

# CPUs of before 2013 alone run the baseline, where there is another set: it is kept small.
set(flags_baseline ${simd_flags} -Os)
set(flags_neon ${simd_flags})
set(flags_avx2 ${simd_flags} -mavx2 -mfma)
set(flags_avx512 ${simd_flags} -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma)
if(STEEP_HAS_VECTOR_WIDTH)
  list(APPEND flags_avx512 -mprefer-vector-width=512)
endif()
# Neither the vectoriser nor the pragma that would call it back; small, for only tests run it.
set(flags_scalar_fma -O2 -mfma -Wno-unknown-pragmas)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  list(APPEND flags_scalar_fma -fno-vectorize -fno-slp-vectorize)
else()
  list(APPEND flags_scalar_fma -fno-tree-vectorize -fno-tree-loop-vectorize -fno-tree-slp-vectorize)
endif()

file(GLOB_RECURSE kernel_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/csrc/kernels/*.cpp)
# Short loops of a known length stay loops without -O3, and their values in memory: a softmax of 64
# rows of 10 took 1.15 us without it and 0.87 with it, a sigmoid of 100,000 numbers 65 us and 41.
set(quick_targets kernels_avx2 kernels_avx512 kernels_neon)
foreach(source elementwise/exponential loss/cross_entropy reduce/softmax)
  if(NOT STEEP_SANITIZE)
    set_source_files_properties(${PROJECT_SOURCE_DIR}/csrc/kernels/${source}.cpp
      PROPERTIES COMPILE_OPTIONS "$<$<IN_LIST:$<TARGET_PROPERTY:NAME>,${quick_targets}>:-O3>")
  endif()
endforeach()

# The baseline of x86 leaves loops that training seldom waits for to single numbers. (Products of
# floats name their registers themselves, and keep them.)
set(single elementwise/cast elementwise/compare elementwise/gamma elementwise/special index/.*
  loss/ctc pool/.* product/gemm reduce/argmax reduce/integers)
list(JOIN single "|" single)
set(single_sources ${kernel_sources})
list(FILTER single_sources INCLUDE REGEX "/csrc/kernels/(${single})\\.cpp$")
if("avx2" IN_LIST levels AND STEEP_HAS_OPENMP_SIMD AND NOT STEEP_SANITIZE)
  set(single_flags -fno-tree-vectorize -fno-openmp-simd -Wno-unknown-pragmas)
  set_source_files_properties(${single_sources} PROPERTIES COMPILE_OPTIONS
    "$<$<STREQUAL:$<TARGET_PROPERTY:NAME>,kernels_baseline>:${single_flags}>")
endif()

# What is long and seldom waited for is kept small where it is vectorised, too.
if(NOT STEEP_SANITIZE)
  set_property(SOURCE ${PROJECT_SOURCE_DIR}/csrc/kernels/elementwise/special.cpp APPEND PROPERTY
    COMPILE_OPTIONS "$<$<IN_LIST:$<TARGET_PROPERTY:NAME>,${quick_targets}>:-Os>")
endif()

# What gains nothing from registers of 64 bytes is built for 32 alone, which CPUs with AVX-512 run as
# well: what waits for memory (many CPUs take 64 bytes in two halves, and read arrays that no cache
# holds a sixth slower by whole registers), and what goes by places or one by one.
set(narrow create/.* elementwise/arithmetic elementwise/cast elementwise/compare elementwise/gamma
  elementwise/special index/.* loss/cross_entropy_double loss/ctc norm/.* order/.* pool/.*
  random/.* reduce/argmax reduce/cumulate reduce/integers reduce/softmax_double resample/.*)
list(JOIN narrow "|" narrow)

set(families "")
set(narrow_families "")
set(wide_sources "")
foreach(source IN LISTS kernel_sources)
  cmake_path(RELATIVE_PATH source BASE_DIRECTORY ${PROJECT_SOURCE_DIR}/csrc/kernels OUTPUT_VARIABLE family)
  cmake_path(REMOVE_EXTENSION family)
  set(is_narrow OFF)
  if(family MATCHES "^(${narrow})$")
    set(is_narrow ON)
  endif()
  string(REPLACE "/" "_" family ${family})
  list(APPEND families ${family})
  if(is_narrow)
    list(APPEND narrow_families ${family})
  else()
    list(APPEND wide_sources ${source})
  endif()
endforeach()

set(STEEP_KERNEL_OBJECTS "")
set(STEEP_FILL_DECLARATIONS "")
set(STEEP_FILL_FUNCTIONS "")
set(STEEP_BUILDS "")
list(GET levels 0 first_level)
foreach(level IN LISTS levels)
  set(sources_of_level ${kernel_sources})
  set(from_avx2 "")
  if(level STREQUAL "avx512" AND "avx2" IN_LIST levels)
    set(sources_of_level ${wide_sources})
    set(from_avx2 ${narrow_families})
  endif()
  add_library(kernels_${level} OBJECT ${sources_of_level})
  target_link_libraries(kernels_${level} PRIVATE steep_flags)
  target_compile_options(kernels_${level} PRIVATE ${flags_${level}})
  target_compile_definitions(kernels_${level} PRIVATE STEEP_ISA=${level})
  if(level STREQUAL first_level)  # every CPU runs it: what is not a loop is taken from there
    target_compile_definitions(kernels_${level} PRIVATE STEEP_DESCRIBES=1)
  endif()
  list(APPEND STEEP_KERNEL_OBJECTS $<TARGET_OBJECTS:kernels_${level}>)

  set(calls "")
  foreach(family IN LISTS families)
    if(family IN_LIST from_avx2)
      string(APPEND calls "  kernels::fill_${family}_avx2();\n")
    else()
      string(APPEND STEEP_FILL_DECLARATIONS "void fill_${family}_${level}();\n")
      string(APPEND calls "  kernels::fill_${family}_${level}();\n")
    endif()
  endforeach()
  string(APPEND STEEP_FILL_FUNCTIONS
    "void fill_${level}() {\n${calls}}\n")
  string(APPEND STEEP_BUILDS "    {Level::${level}, \"${level}\", fill_${level}},\n")
endforeach()

set(STEEP_LEVELS_SOURCE ${PROJECT_BINARY_DIR}/levels.cpp)
configure_file(${PROJECT_SOURCE_DIR}/csrc/runtime/levels.cpp.in ${STEEP_LEVELS_SOURCE} @ONLY)
