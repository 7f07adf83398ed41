import Glibc
import Net

exit(run(Arguments.words))
