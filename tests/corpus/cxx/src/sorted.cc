#include <algorithm>
#include <vector>

extern "C" int third_of_sorted() {
    std::vector<int> numbers{5, 3, 9, 7};
    std::sort(numbers.begin(), numbers.end());
    return numbers.at(2);
}
